/** Why a request failed without an answer: browsers do not say; a request whose answer may not be read tells. */
import { PalError } from '../errors.js';

const PATIENCE_MS = 5000;

/** @param {string} url */
async function answers(url) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    await fetch(url, { method: 'HEAD', mode: 'no-cors', cache: 'no-store', signal });
    return true;
  } catch {
    return false;
  }
}

/**
 * undefined: it can be reached; trying again may help.
 * @param {string} url
 * @param {boolean} before it answered us before
 */
export async function unreachable(url, before) {
  const { origin } = new URL(url);
  const own = /** @type {any} */ (globalThis).origin;
  if (globalThis.navigator?.onLine === false) return new PalError('offline', `${url}: there is no network; connect, or load a model that is kept here already`);
  const blind = globalThis.crossOriginIsolated === true && own !== origin; // an isolated page may not even ask
  if (before && blind) return undefined;
  if (await answers(url)) {
    if (before || !own || own === origin) return undefined;
    return new PalError('cors', `${url}: ${origin} answers, but does not let pages of ${own} read the file (CORS); it must send Access-Control-Allow-Origin. Or download the file and drop it here`);
  }
  if (globalThis.isSecureContext && url.startsWith('http:') && own?.startsWith('https:')) {
    return new PalError('download', `${url}: a page loaded by https may not load from http; use an https URL`);
  }
  const doubt = blind ? ', or it does not let other pages read the file (CORS)' : '';
  return new PalError('offline', `${url}: ${origin} cannot be reached${doubt}; look at the network, the URL, and at connect-src of the page's Content-Security-Policy`);
}
