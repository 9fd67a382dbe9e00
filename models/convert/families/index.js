/** Who reads which config.json. */
import { bad, Config } from '../config.js';
import { griffin } from './griffin.js';
import { llamaLike } from './llama.js';
import { mamba, mamba2 } from './mamba.js';
import { retnet } from './retnet.js';
import { s4d } from './s4d.js';
import { ttt } from './ttt.js';

const FAMILIES = /** @type {Record<string, (c: Config) => import('../config.js').Family>} */ ({
  LlamaForCausalLM: llamaLike('llama', true, false),
  MistralForCausalLM: llamaLike('llama', true, false),
  Qwen2ForCausalLM: llamaLike('qwen2', false, false),
  Qwen3ForCausalLM: llamaLike('qwen3', false, true),
  MambaForCausalLM: mamba,
  Mamba2ForCausalLM: mamba2,
  RecurrentGemmaForCausalLM: griffin,
  RetNetDecoder: retnet,
  S4DStack: s4d,
  TTTForCausalLM: ttt,
});

/**
 * @param {any} json config.json
 * @param {(text: string) => void} note
 */
export function familyOf(json, note) {
  const config = new Config(json, note);
  if (!json.architectures && json.ssm_cfg) return (json.ssm_cfg.layer === 'Mamba2' ? mamba2 : mamba)(config); // state-spaces' own
  const name = json.architectures?.[0];
  const family = Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : bad(`architecture ${JSON.stringify(name)} cannot be converted; possible: ${Object.keys(FAMILIES).join(', ')}`);
  return family(config);
}
