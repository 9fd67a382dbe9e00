/** node web/serve.js FOLDER [PORT]: a folder on 127.0.0.1, as any static host serves it: for the demo and for the tests. */
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import sirv from 'sirv';

/**
 * @param {string} folder
 * @param {{ port?: number, headers?: (path: string) => Record<string, string> }} [options] port 0: any free one
 * @returns {Promise<{ origin: string, close: () => void }>}
 */
export async function serve(folder, { port = 0, headers = () => ({}) } = {}) {
  const files = sirv(folder, {
    dev: true, // files may change
    etag: true,
    dotfiles: false,
    setHeaders: (response, path) => {
      for (const [name, value] of Object.entries(headers(path))) response.setHeader(name, value);
    },
  });
  const server = http.createServer((request, response) => files(request, response, () => void response.writeHead(404).end('not found')));
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', () => resolve(undefined)));
  const at = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    origin: `http://127.0.0.1:${at.port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The port, or the next one that is free. @param {string} folder @param {number} port */
async function serveNear(folder, port) {
  for (let n = 0; ; n++) {
    try {
      return await serve(folder, { port: port + n });
    } catch (e) {
      if (/** @type {NodeJS.ErrnoException} */ (e).code !== 'EADDRINUSE' || n === 20) throw e;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , folder, port = '8000'] = process.argv;
  const { origin } = await serveNear(folder, Number(port));
  console.log(`Palimpsest is at ${origin}/ (Ctrl-C ends it)`);
}
