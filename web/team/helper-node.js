/** A helper thread in Node. */
import { parentPort, workerData } from 'node:worker_threads';
import { serve } from './serve.js';

serve(workerData, (answer) => parentPort?.postMessage(answer));
