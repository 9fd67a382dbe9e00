/** A helper thread in a page. */
import { serve } from './serve.js';

onmessage = ({ data }) => serve(data, (answer) => postMessage(answer));
