#!/usr/bin/env bash
# Debian 12's libsentencepiece cannot read a model in a program that links libprotobuf-lite, too.
#
# Guess: the library holds the protobuf that it was built with (it links none), so another one in the same program is none of its business.
# Seen (libsentencepiece0 0.1.97-3+b1, libprotobuf-lite32 3.21.12-3+deb12u1, g++ 12.2): the copy of protobuf 3.14.0 inside shows its
#   symbols, and the loader gives the library those of the program's 3.21.12 instead. Training and reading a model work alone; with
#   -lprotobuf-lite before it the same program ends reading its first message, "compiled against version 3.14.0 ... not compatible
#   with the installed version (3.21.12)". Opened by dlopen with RTLD_DEEPBIND, from a library that alone links it, it works.
#
# Installs nothing outside a temporary folder. Exit 0: as seen.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libsentencepiece0=0.1.97-3+b1 libsentencepiece-dev=0.1.97-3+b1 libprotobuf-lite32=3.21.12-3+deb12u1 libprotobuf-dev=3.21.12-3+deb12u1
for deb in *.deb; do dpkg-deb -x "$deb" root; done
for i in 1 2 3 4 5 6 7 8; do echo "the cat sat on mat $i, the dog on log $i"; done > text
cat > main.cpp <<'C'
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>
#include <cstdio>
#include <cstring>
#ifdef WITH_PROTOBUF
#include <google/protobuf/stubs/common.h>
#endif
extern "C" int run() {
  try {
    sentencepiece::SentencePieceTrainer::Train("--input=text --model_prefix=m --vocab_size=30 --hard_vocab_limit=false --minloglevel=2");
    sentencepiece::SentencePieceProcessor model;
    if (!model.Load("m.model").ok()) return 2;
    std::printf("%zu pieces\n", model.EncodeAsIds("the cat").size());
    return 0;
  } catch (const std::exception& e) {
    std::puts(std::strstr(e.what(), "compiled against version 3.14.0") && std::strstr(e.what(), "installed version (3.21.12)") ? "incompatible" : e.what());
    return 3;
  }
}
#ifndef LIBRARY
int main() {
#ifdef WITH_PROTOBUF
  GOOGLE_PROTOBUF_VERIFY_VERSION;
#endif
  return run();
}
#endif
C
lib=root/usr/lib/$(gcc -print-multiarch)
flags="-std=c++17 -w -Iroot/usr/include -L$lib -Wl,-rpath,$PWD/$lib"
g++ $flags main.cpp -o alone -lsentencepiece_train -lsentencepiece
g++ $flags -DWITH_PROTOBUF main.cpp -o both -lprotobuf-lite -lsentencepiece_train -lsentencepiece
g++ $flags -DLIBRARY -shared -fPIC main.cpp -o run.so -lsentencepiece_train -lsentencepiece
cat > opener.cpp <<'C'
#include <dlfcn.h>
#include <google/protobuf/stubs/common.h>
int main() {
  GOOGLE_PROTOBUF_VERIFY_VERSION;
  void* library = dlopen("./run.so", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  return library ? reinterpret_cast<int (*)()>(dlsym(library, "run"))() : 4;
}
C
g++ $flags opener.cpp -o opener -lprotobuf-lite
result() { "$@" 2> /dev/null || echo "exit $?"; }
alone=$(result ./alone) both=$(result ./both) opened=$(result ./opener)
printf 'alone: %s\nbeside protobuf 3.21.12: %s\nopened with symbols of its own first: %s\n' "$alone" "$both" "$opened"
[[ $alone == *pieces* && $both != *pieces* && $both == *exit* && $opened == *pieces* ]]
