#pragma once

// Documents as the model sees them: words by number. What is wrong with a file is a bosen::Error(kData) with its place.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace lda {

using Word = std::uint32_t;

/// The words that documents are made of, numbered from 0.
class Vocabulary {
 public:
  Vocabulary() = default;
  explicit Vocabulary(std::vector<std::string> words);

  [[nodiscard]] std::size_t size() const { return words_.size(); }
  [[nodiscard]] const std::string& text(Word word) const { return words_[word]; }
  [[nodiscard]] const std::vector<std::string>& texts() const { return words_; }
  /// Null where the word is not among them.
  [[nodiscard]] const Word* find(const std::string& text) const;

 private:
  std::vector<std::string> words_;
  std::unordered_map<std::string, Word> numbers_;
};

/// Documents one after the other.
struct Corpus {
  Vocabulary vocabulary;
  std::vector<Word> words;                   ///< of all documents
  std::vector<std::size_t> document_begins;  ///< in `words`, and the end of the last; as many as documents and one more

  [[nodiscard]] std::size_t documents() const { return document_begins.size() - 1; }
  [[nodiscard]] std::span<const Word> document(std::size_t number) const {
    return std::span(words).subspan(document_begins[number], document_begins[number + 1] - document_begins[number]);
  }
};

struct CorpusOptions {
  std::string data;  ///< a text file, a document a line; a folder of text files; or docword.txt of a UCI bag of words,
                     ///< which ascends
  std::string vocabulary;  ///< the words of a bag of words, one a line; empty: `data` is text
  std::string stop_words;  ///< a file of words to leave out; empty: none
  int word_count_min = 1;  ///< words that occur less often are left out
};

/// Reads documents and finds their vocabulary. Words are runs of letters and apostrophes inside them, in lower case.
/// Documents without any word that counts stay, empty.
Corpus read_corpus(const CorpusOptions& options);

/// Reads documents with the words of a vocabulary; others are left out.
Corpus read_corpus(const CorpusOptions& options, const Vocabulary& vocabulary);

/// The words of a text, in order.
std::vector<std::string> words_of(std::string_view text);

}  // namespace lda
