#pragma once

namespace lda {

/// `lda topics` and `lda infer`: what to do with a model. Both return the exit code; errors are a line on stderr.
int show_topics(int argc, const char* const* argv);
int infer(int argc, const char* const* argv);

}  // namespace lda
