import { measureDepths } from './depth-run.js';
import { openModel } from './session-page.js';

onmessage = async ({ data: { url, engine, options } }) => {
    try {
        const model = await openModel(url, engine);
        const stands = await measureDepths(model, options, (line) => postMessage({ line }));
        postMessage({ stands, variant: model.engine.variant });
    } catch (e) {
        postMessage({ error: /** @type {Error} */ (e).message });
    }
};
