// A shared library that is opened at its first use, so that no program pays for one (a quarter of a
// millisecond, a quarter of a megabyte, and what it links itself) whose files it never meets.
//
//   struct Soxr : Library {
//     Soxr() : Library("libsoxr.so.0", "other rates of samples", "libsoxr0") {}
//     CAIRN_OF_LIBRARY(soxr_create);  // a pointer to what soxr.h declares by that name
//   };
//   const Soxr& soxr() { static const Soxr library; return library; }
#pragma once
#include <string>

namespace cairn {

class Library {
 public:
  Library(const Library&) = delete;

 protected:
  // The program's symbols come first, as usual; or the library's own do, where it holds another
  // version of one that the program links (address and thread sanitizers know no such library).
  enum class Symbols { of_program, of_library };

  // Throws Error, which says what it is needed `for_what` and which Debian package has it, where
  // it is not installed. Stays open until the program ends.
  Library(const char* file, const char* for_what, const char* package,
          Symbols first = Symbols::of_program);

  // Throws Error where the library has no such name.
  void* find(const char* name) const;

 private:
  const char* file_;
  void* handle_;
};

// The path of a library of our own: beside the program or what holds this function, where they were
// built, or in the folder of libraries, where they are installed. Throws Error where it is not.
std::string module_file(const std::string& name);

#define CAIRN_TEXT_OF(name) #name
#define CAIRN_OF_LIBRARY_AS(function, name) \
  decltype(&::function) function = reinterpret_cast<decltype(&::function)>(find(name))
// ICU's names are macros; this is where they are taken for what they stand for.
#define CAIRN_OF_LIBRARY(function) CAIRN_OF_LIBRARY_AS(function, CAIRN_TEXT_OF(function))

}  // namespace cairn
