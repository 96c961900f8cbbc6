#pragma once

// Input files, compressed by gzip or not, and what to say where they are wrong. Every problem is a bosen::Error(kData)
// of one line that names the file.

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace apps {

/// Throws Error(kData): "PATH: problem".
[[noreturn]] void refuse_file(const std::string& path, const std::string& problem);

/// Throws Error(kData): "PATH:LINE:COLUMN: problem", both from 1.
[[noreturn]] void refuse_line(const std::string& path, std::size_t line, std::size_t column,
                              const std::string& problem);

/// The beginning of a text, safe to show to a person.
std::string shown(std::string_view text);

/// Reads a file from its beginning. Single-threaded.
class InputFile {
 public:
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Fills as much of `bytes` as the file still has; returns how many.
  std::size_t read(std::span<unsigned char> bytes);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Handle;

  std::string path_;
  std::unique_ptr<Handle> handle_;
};

/// The whole of a file, without the byte-order mark that some editors put first.
std::string read_text(const std::string& path);

/// The characters that end a word.
class Separators {
 public:
  constexpr explicit Separators(std::string_view characters) {
    for (const char character : characters) among_[static_cast<unsigned char>(character)] = true;
  }

  [[nodiscard]] bool has(char character) const { return among_[static_cast<unsigned char>(character)]; }

 private:
  std::array<bool, 256> among_{};
};

/// A text file line by line. Borrows the text.
class LineReader {
 public:
  LineReader(std::string path, std::string_view text) : path_(std::move(path)), rest_(text) {}

  /// Goes to the next line; false at the end of the file.
  bool next();

  /// The next word of the line, up to one of `separators`; empty at the end of the line.
  std::string_view word(const Separators& separators);

  /// Throws Error(kData) at the beginning of the word that was read last.
  [[noreturn]] void refuse(const std::string& problem) const;

  /// Number of the line, from 1.
  [[nodiscard]] std::size_t line_number() const { return line_number_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::string_view rest_;  ///< lines to come
  std::string_view line_;  ///< without its end
  std::size_t position_ = 0;
  std::size_t word_begin_ = 0;
  std::size_t line_number_ = 0;
};

}  // namespace apps
