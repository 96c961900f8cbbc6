#pragma once

namespace poseidon::cuda {

/// Throws bosen::Error(kData). Not inline, as nvcc does not compile what formats texts.
[[noreturn]] void refuse_label(float label, unsigned classes);

}  // namespace poseidon::cuda
