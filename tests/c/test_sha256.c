/* SHA-256: the examples of FIPS 180-4 and of NIST's byte-oriented vectors, then every way to cut a message. */
#include "../../src/sha256.h"
#include "test.h"

static bool digest_is(const uint8_t *digest, const char *hex) {
    for (int i = 0; i < 64; i++) {
        uint32_t nibble = digest[i / 2] >> (i % 2 ? 0 : 4) & 15;
        if ("0123456789abcdef"[nibble] != hex[i]) return false;
    }
    return true;
}

static bool hashes_to(const char *message, size_t n, const char *hex) {
    pal_sha256 s;
    uint8_t digest[32];
    pal_sha256_begin(&s);
    pal_sha256_add(&s, message, n);
    pal_sha256_end(&s, digest);
    return digest_is(digest, hex);
}

#define HASH(message, hex) CHECK(hashes_to((message), sizeof(message) - 1, (hex)))

static void known(void) {
    HASH("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    HASH("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    HASH("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    HASH("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqr"
         "stu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    HASH("\xbd", "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
    HASH("\xc9\x8c\x8e\x55", "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504");
}

static void million(void) {
    pal_sha256 s;
    uint8_t digest[32], *a = test_take(1000);
    for (int i = 0; i < 1000; i++) a[i] = 'a';
    pal_sha256_begin(&s);
    for (int i = 0; i < 1000; i++) pal_sha256_add(&s, a, 1000);
    pal_sha256_end(&s, digest);
    CHECK(digest_is(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}

/* Two cuts at every place around the blocks' edges: the same digest as in one piece. */
static void cuts(void) {
    uint8_t *message = test_take(200), whole[32], parts[32];
    uint64_t seed = 1;
    uint32_t wrong = 0;
    for (int i = 0; i < 200; i++) message[i] = (uint8_t)test_random(&seed);
    for (size_t n = 0; n <= 200; n++) {
        pal_sha256 s;
        pal_sha256_begin(&s);
        pal_sha256_add(&s, message, n);
        pal_sha256_end(&s, whole);
        for (size_t cut = 0; cut <= n; cut++) {
            pal_sha256_begin(&s);
            pal_sha256_add(&s, message, cut / 2);
            pal_sha256_add(&s, message + cut / 2, cut - cut / 2);
            pal_sha256_add(&s, message + cut, n - cut);
            pal_sha256_end(&s, parts);
            wrong += !pal_bytes_equal(whole, parts, 32);
        }
    }
    CHECK(wrong == 0);
}

void test_sha256(void) {
    known();
    million();
    cuts();
}
