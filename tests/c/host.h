/* What a host of the C tests provides besides test_print, test_take and test_fixture. */
#ifndef TEST_HOST_H
#define TEST_HOST_H
void host_release(void); /* frees what test_take gave */
int test_run(const char *only);
extern int test_checks, test_failures;
#endif
