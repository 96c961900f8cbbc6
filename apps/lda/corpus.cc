#include "apps/lda/corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <new>
#include <unordered_set>
#include <utility>

#include "apps/common/input_file.h"
#include "bosen/error.h"

namespace lda {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr apps::Separators kSeparators(kBlanks);
constexpr std::int64_t kDocumentsMax = 100'000'000;
constexpr std::int64_t kCountMax = 100'000'000;  // of a word in a document
constexpr std::int64_t kTokensMax = 4'000'000'000;

bool is_letter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte >= 0x80;  // of other alphabets, in UTF-8
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view next_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

/// Documents with words numbered as they were met, before any are left out.
struct RawCorpus {
  std::vector<std::string> texts;
  std::unordered_map<std::string, Word> numbers;
  std::vector<Word> words;
  std::vector<std::size_t> document_begins{0};

  Word number_of(std::string text) {
    const auto [place, is_new] = numbers.try_emplace(std::move(text), static_cast<Word>(texts.size()));
    if (is_new) texts.push_back(place->first);
    return place->second;
  }
  void add_document(std::string_view text) {
    for (std::string& word : words_of(text)) words.push_back(number_of(std::move(word)));
    document_begins.push_back(words.size());
  }
};

RawCorpus read_lines(const std::string& path) {
  const std::string text = apps::read_text(path);
  RawCorpus corpus;
  for (std::string_view rest = text; !rest.empty();) corpus.add_document(next_line(rest));
  return corpus;
}

RawCorpus read_folder(const std::string& path) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  RawCorpus corpus;
  for (const std::string& file : files) corpus.add_document(apps::read_text(file));
  return corpus;
}

std::int64_t number(apps::LineReader& line, const char* what, std::int64_t most) {
  const std::string_view text = line.word(kSeparators);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 1 || value > most) {
    line.refuse(fmt::format("{} '{}' is not a whole number from 1 to {}", what, apps::shown(text), most));
  }
  return value;
}

std::int64_t header(apps::LineReader& line, const char* what, std::int64_t most) {
  if (!line.next()) apps::refuse_file(line.path(), fmt::format("ends where its {} should stand", what));
  return number(line, what, most);
}

/// UCI's bag of words: the numbers of documents, words and lines, then lines DOCUMENT WORD COUNT, numbered from 1 and
/// ascending by document.
RawCorpus read_bag_of_words(const std::string& path, const std::vector<std::string>& words) {
  const std::string text = apps::read_text(path);
  apps::LineReader line(path, text);
  const std::int64_t documents = header(line, "number of documents", kDocumentsMax);
  const std::int64_t word_count = header(line, "number of words", kDocumentsMax);
  if (word_count != static_cast<std::int64_t>(words.size())) {
    line.refuse(fmt::format("says that there are {} words, but the vocabulary has {}", word_count, words.size()));
  }
  RawCorpus corpus;
  for (const std::string& word : words) {
    const std::size_t next = corpus.texts.size();
    if (corpus.number_of(word) != next) {
      line.refuse(fmt::format("the vocabulary has '{}' twice", apps::shown(word)));
    }
  }
  const std::int64_t lines = header(line, "number of lines", kTokensMax);
  std::int64_t current = 1;
  for (std::int64_t i = 0; i < lines; ++i) {
    if (!line.next()) apps::refuse_file(path, fmt::format("ends after {} of {} lines", i, lines));
    const auto document = number(line, "document", documents);
    if (document < current) line.refuse(fmt::format("document {} follows {}: they must ascend", document, current));
    const auto word = static_cast<Word>(number(line, "word", word_count) - 1);
    const auto count = number(line, "count", kCountMax);
    if (static_cast<std::int64_t>(corpus.words.size()) + count > kTokensMax) {
      line.refuse(fmt::format("there are more than {} words up to here", kTokensMax));
    }
    for (; current < document; ++current) corpus.document_begins.push_back(corpus.words.size());
    corpus.words.insert(corpus.words.end(), static_cast<std::size_t>(count), word);
  }
  while (line.next()) {
    if (!line.word(kSeparators).empty())
      line.refuse(fmt::format("goes beyond the header's number of lines, which is {}", lines));
  }
  for (; current <= documents; ++current) corpus.document_begins.push_back(corpus.words.size());
  return corpus;
}

/// A vocabulary's word is its whole line but for the blanks around it: "new york" is one.
std::vector<std::string> read_vocabulary(const std::string& path) {
  const std::string text = apps::read_text(path);
  std::vector<std::string> words;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = next_line(rest);
    const std::size_t begin = line.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) continue;
    words.emplace_back(line.substr(begin, line.find_last_not_of(kBlanks) + 1 - begin));
  }
  return words;
}

/// The first word of every line.
std::vector<std::string> read_stop_words(const std::string& path) {
  const std::string text = apps::read_text(path);
  std::vector<std::string> words;
  apps::LineReader line(path, text);
  while (line.next()) {
    const std::string_view word = line.word(kSeparators);
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

RawCorpus read_existing(const CorpusOptions& options) {
  if (!options.vocabulary.empty()) return read_bag_of_words(options.data, read_vocabulary(options.vocabulary));
  return std::filesystem::is_directory(options.data) ? read_folder(options.data) : read_lines(options.data);
}

RawCorpus read_documents(const CorpusOptions& options) {
  std::error_code error;
  if (!std::filesystem::exists(options.data, error)) {
    apps::refuse_file(options.data,
                      "is not there: give a text file (a document a line), a folder of text files, or a "
                      "UCI docword file together with --vocabulary");
  }
  try {
    return read_existing(options);
  } catch (const std::filesystem::filesystem_error& problem) {
    const std::string path = problem.path1().empty() ? options.data : problem.path1().string();
    apps::refuse_file(path, "cannot be read: " + problem.code().message());
  } catch (const std::bad_alloc&) {
    apps::refuse_file(options.data, "has more words than this machine's memory can hold");
  }
}

/// With the words of the vocabulary only.
Corpus select_words(const RawCorpus& raw, Vocabulary vocabulary) {
  std::vector<const Word*> selected;
  for (const std::string& text : raw.texts) selected.push_back(vocabulary.find(text));
  Corpus corpus;
  for (std::size_t document = 0; document + 1 < raw.document_begins.size(); ++document) {
    corpus.document_begins.push_back(corpus.words.size());
    for (std::size_t i = raw.document_begins[document]; i < raw.document_begins[document + 1]; ++i) {
      if (const Word* word = selected[raw.words[i]]) corpus.words.push_back(*word);
    }
  }
  corpus.document_begins.push_back(corpus.words.size());
  corpus.vocabulary = std::move(vocabulary);
  return corpus;
}

Vocabulary find_vocabulary(const RawCorpus& raw, const CorpusOptions& options) {
  std::unordered_set<std::string> stop_words;
  if (!options.stop_words.empty()) {
    for (std::string& word : read_stop_words(options.stop_words)) stop_words.insert(std::move(word));
  }
  std::vector<std::int64_t> counts(raw.texts.size(), 0);
  for (const Word word : raw.words) ++counts[word];
  std::vector<std::string> words;
  for (std::size_t word = 0; word < counts.size(); ++word) {
    const bool counts_enough = counts[word] > 0 && counts[word] >= options.word_count_min;
    if (counts_enough && !stop_words.contains(raw.texts[word])) words.push_back(raw.texts[word]);
  }
  std::sort(words.begin(), words.end());
  return Vocabulary(std::move(words));
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> words) : words_(std::move(words)) {
  for (std::size_t i = 0; i < words_.size(); ++i) numbers_.emplace(words_[i], static_cast<Word>(i));
}

const Word* Vocabulary::find(const std::string& text) const {
  const auto found = numbers_.find(text);
  return found == numbers_.end() ? nullptr : &found->second;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool inside = i < text.size() && !word.empty() && i + 1 < text.size() && is_letter(text[i + 1]);
    if (i < text.size() && (is_letter(text[i]) || (text[i] == '\'' && inside))) {
      word += lower(text[i]);
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  return words;
}

Corpus read_corpus(const CorpusOptions& options) {
  const RawCorpus raw = read_documents(options);
  Corpus corpus = select_words(raw, find_vocabulary(raw, options));
  if (corpus.words.empty()) {
    apps::refuse_file(options.data,
                      options.vocabulary.empty()
                          ? "has no word that counts: nothing to learn from; a UCI docword file takes --vocabulary"
                          : "has no word that counts: nothing to learn from");
  }
  return corpus;
}

Corpus read_corpus(const CorpusOptions& options, const Vocabulary& vocabulary) {
  return select_words(read_documents(options), vocabulary);
}

}  // namespace lda
