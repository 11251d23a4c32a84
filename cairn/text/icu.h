// What text/ takes of ICU, opened at its first use. Only text/*.cpp include this.
#pragma once
#include <unicode/ucasemap.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>

#include "cairn/base/library.h"

namespace cairn::text {

struct Icu : Library {
  Icu()
      : Library("libicuuc.so." U_ICU_VERSION_SHORT, "Unicode text", "libicu" U_ICU_VERSION_SHORT) {}
  CAIRN_OF_LIBRARY(u_charType);
  CAIRN_OF_LIBRARY(u_errorName);
  CAIRN_OF_LIBRARY(u_getCombiningClass);
  CAIRN_OF_LIBRARY(u_getIntPropertyValue);
  CAIRN_OF_LIBRARY(u_hasBinaryProperty);
  CAIRN_OF_LIBRARY(u_isUWhiteSpace);
  CAIRN_OF_LIBRARY(u_isalpha);
  CAIRN_OF_LIBRARY(u_tolower);
  CAIRN_OF_LIBRARY(ucasemap_open);
  CAIRN_OF_LIBRARY(ucasemap_close);
  CAIRN_OF_LIBRARY(ucasemap_utf8ToLower);
  CAIRN_OF_LIBRARY(unorm2_composePair);
  CAIRN_OF_LIBRARY(unorm2_getDecomposition);
  CAIRN_OF_LIBRARY(unorm2_getNFCInstance);
  CAIRN_OF_LIBRARY(unorm2_getNFKCInstance);
  CAIRN_OF_LIBRARY(uscript_getScript);
};
const Icu& icu();

}  // namespace cairn::text
