// Light or dark, before the page is drawn: what was chosen here, else what the system says.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;
  const chosen = () => {
    try {
      return localStorage.getItem('palimpsest.theme');
    } catch {
      return null; // storage is forbidden here
    }
  };
  const apply = () => {
    root.dataset.theme = chosen() ?? (dark.matches ? 'dark' : 'light');
    const ground = root.dataset.theme === 'dark' ? '#16110d' : '#f4ecdc';
    document.querySelector('meta[name="theme-color"]')?.setAttribute('content', ground);
    document.dispatchEvent(new Event('theme'));
  };
  dark.addEventListener('change', apply);
  document.addEventListener('theme-toggle', () => {
    try {
      localStorage.setItem('palimpsest.theme', root.dataset.theme === 'dark' ? 'light' : 'dark');
    } catch {
      root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
      return void document.dispatchEvent(new Event('theme'));
    }
    apply();
  });
  apply();
})();
