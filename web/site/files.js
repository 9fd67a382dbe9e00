/** Model files that a visitor gives: by a button, or dropped anywhere on the page. */

/**
 * One file, or all parts of a split one in order; throws a message for anything else.
 * @param {readonly File[]} files
 * @returns {{ source: File | File[], label: string }}
 */
export function modelOf(files) {
  const models = files.filter((f) => /\.gguf$/i.test(f.name)).sort((a, b) => a.name.localeCompare(b.name));
  if (!models.length) throw new Error('a model is a file that ends in .gguf');
  const [first] = models;
  const split = /^(.*)-\d{5}-of-(\d{5})\.gguf$/i.exec(first.name);
  if (!split) {
    if (models.length > 1) throw new Error('one model at a time, please: one .gguf file, or all parts of one');
    return { source: first, label: first.name.replace(/\.gguf$/i, '') };
  }
  if (models.length !== Number(split[2])) throw new Error(`“${split[1]}” has ${Number(split[2])} parts; give all of them at once (${models.length} came)`);
  return { source: models, label: split[1] };
}

/**
 * Shows `veil` while files are over the page and hands over what is dropped.
 * @param {HTMLElement} veil
 * @param {(files: File[]) => void} ondrop
 */
export function watchDrops(veil, ondrop) {
  let depth = 0; // enter and leave come for every element on the way
  const hasFiles = (/** @type {DragEvent} */ e) => e.dataTransfer?.types.includes('Files') ?? false;
  const show = (/** @type {number} */ by) => {
    depth = Math.max(0, depth + by);
    veil.hidden = depth === 0;
  };
  document.addEventListener('dragenter', (e) => hasFiles(e) && show(1));
  document.addEventListener('dragleave', (e) => hasFiles(e) && show(-1));
  document.addEventListener('dragover', (e) => hasFiles(e) && e.preventDefault());
  document.addEventListener('drop', (e) => {
    if (!hasFiles(e)) return;
    e.preventDefault();
    show(-depth);
    ondrop([...(e.dataTransfer?.files ?? [])]);
  });
}
