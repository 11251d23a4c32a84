// A target needs a source: this one is for its precompiled headers (CMakeLists.txt).
