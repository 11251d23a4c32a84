#include "cairn/base/library.h"

#include <dlfcn.h>

#include "cairn/base/error.h"

namespace cairn {

Library::Library(const char* file, const char* for_what, const char* package)
    : file_(file), handle_(dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
  if (handle_) return;
  const char* why = dlerror();  // "FILE: cannot open shared object file: ..."
  fail("{} needs {}, which cannot be opened: install the package {} ({})", for_what, file, package,
       why ? why : "no reason given");
}

void* Library::find(const char* name) const {
  void* found = dlsym(handle_, name);
  check(found, "{} has no '{}': another version than the one that Cairn was built for", file_,
        name);
  return found;
}

}  // namespace cairn
