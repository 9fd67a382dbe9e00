/* The families of architectures, one file each. */
#ifndef PAL_ARCH_H
#define PAL_ARCH_H

#include "../model.h"

extern const pal_arch pal_arch_llama, pal_arch_smollm3, pal_arch_qwen2, pal_arch_qwen3, pal_arch_gemma2,
    pal_arch_gemma3, pal_arch_phi3, pal_arch_gpt2, pal_arch_mamba, pal_arch_mamba2, pal_arch_granitehybrid,
    pal_arch_lfm2, pal_arch_qwen35, pal_arch_rwkv7, pal_arch_ttt, pal_arch_retnet, pal_arch_recurrentgemma,
    pal_arch_s4d;

#endif
