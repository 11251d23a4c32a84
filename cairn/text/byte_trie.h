// Which tokens a text begins with: a tree over their bytes.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::text {

class ByteTrie {
 public:
  void insert(std::string_view token, int64_t id) {  // the last number of a token counts
    if (token.empty()) return;
    uint32_t node = 0;
    for (const char c : token) {
      const auto byte = static_cast<unsigned char>(c);
      uint32_t next = child(node, byte);
      if (next == 0) {
        next = static_cast<uint32_t>(nodes_.size());
        auto& children = nodes_[node].children;
        children.insert(std::upper_bound(children.begin(), children.end(), std::pair{byte, 0u}),
                        {byte, next});
        nodes_.emplace_back();
      }
      node = next;
    }
    nodes_[node].id = id;
  }
  // found(id, end) for each token that stands at `begin`, from short to long.
  template <class F>
  void each(std::string_view text, size_t begin, F found) const {
    uint32_t node = 0;
    for (size_t end = begin; end < text.size();) {
      node = child(node, static_cast<unsigned char>(text[end++]));
      if (node == 0) return;
      if (nodes_[node].id >= 0) found(nodes_[node].id, end);
    }
  }

 private:
  struct Node {  // children by rising byte
    int64_t id = -1;
    std::vector<std::pair<unsigned char, uint32_t>> children;
  };
  uint32_t child(uint32_t node, unsigned char byte) const {  // 0: none
    const auto& children = nodes_[node].children;
    const auto found = std::lower_bound(children.begin(), children.end(), std::pair{byte, 0u});
    return found != children.end() && found->first == byte ? found->second : 0;
  }
  std::vector<Node> nodes_ = std::vector<Node>(1);
};

}  // namespace cairn::text
