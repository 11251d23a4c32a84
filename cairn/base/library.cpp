#include "cairn/base/library.h"

#include <dlfcn.h>

#include <filesystem>
#include <vector>

#include "cairn/base/error.h"

namespace cairn {

Library::Library(const char* file, const char* for_what, const char* package, Symbols first)
    : file_(file),
      handle_(dlopen(file,
                     RTLD_NOW | RTLD_LOCAL | (first == Symbols::of_library ? RTLD_DEEPBIND : 0))) {
  if (handle_) return;
  const char* why = dlerror();  // "FILE: cannot open shared object file: ..."
  fail("{} needs {}, which cannot be opened: install the package {} ({})", for_what, file, package,
       why ? why : "no reason given");
}

std::string module_file(const std::string& name) {
  namespace fs = std::filesystem;
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path();
  std::vector<fs::path> folders = {program, program / CAIRN_LIBRARIES};
  Dl_info own;
  if (dladdr(reinterpret_cast<const void*>(&module_file), &own) != 0 && own.dli_fname) {
    const fs::path library = fs::absolute(own.dli_fname).parent_path();
    folders.insert(folders.end(), {library, library / "cairn"});
  }
  std::error_code ignored;
  for (const fs::path& folder : folders)
    if (fs::exists(folder / name, ignored)) return (folder / name).lexically_normal().string();
  fail("{} is neither beside the program nor in {}: install Cairn anew, or build all of it", name,
       folders[1].lexically_normal().string());
}

void* Library::find(const char* name) const {
  void* found = dlsym(handle_, name);
  check(found, "{} has no '{}': another version than the one that Cairn was built for", file_,
        name);
  return found;
}

}  // namespace cairn
