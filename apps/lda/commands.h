#pragma once

namespace lda {

/// `lda topics` and `lda infer`: what to do with a model. Both return the exit code and throw bosen::Error.
int show_topics(int argc, const char* const* argv);
int infer(int argc, const char* const* argv);

}  // namespace lda
