#pragma once

// Functions compiled for wide vectors too, chosen when the program starts. The sanitizers do not bear what chooses.

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define POSEIDON_VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define POSEIDON_VECTORISED
#endif
