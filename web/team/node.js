/** Threads in Node: always possible. They do not keep the process alive. */
import os from 'node:os';
import { Worker } from 'node:worker_threads';

/** @type {import('./team.js').Host} */
export const nodeHost = {
  missing: '',
  cores: os.availableParallelism(),
  start(call, hear) {
    const worker = new Worker(new URL('./helper-node.js', import.meta.url), { workerData: call, execArgv: [] });
    worker.on('message', hear);
    worker.on('error', (e) => hear({ failed: e.message }));
    worker.on('exit', () => hear({ failed: 'it ended' }));
    worker.unref();
    return () => {
      worker.removeAllListeners();
      worker.terminate();
    };
  },
};
