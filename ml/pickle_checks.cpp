// What the pickle machine checks once all values are there.

#include <algorithm>
#include <unordered_set>

#include "ml/pickle_calls.h"
#include "ml/pickle_machine.h"

namespace fedlog::ml {

// Cycles, depth and calls, with a stack of its own: input decides how deep this goes.
void PickleMachine::check_graph() const {
  constexpr std::uint32_t unseen = 0;
  constexpr std::uint32_t open = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> height(tree_.size(), unseen);
  std::vector<Content> content(tree_.size(), Content::data);
  struct Frame {
    PickleRef ref;
    std::size_t next;
    std::uint32_t below;
  };
  std::vector<Frame> frames;
  for (PickleRef start = 0; start < tree_.size(); ++start) {
    if (height[start] != unseen) {
      continue;
    }
    height[start] = open;
    frames.push_back({start, 0, 0});
    while (!frames.empty()) {
      Frame& frame = frames.back();
      const auto children = tree_.children(frame.ref);
      const PickleRef state = tree_[frame.ref].state;
      const std::size_t count = children.size() + (state == no_value ? 0 : 1);
      if (frame.next == count) {
        const auto judged = content_of(tree_, frame.ref, content);
        if (!judged) {
          throw Fault{judged.error().code, judged.error().message};
        }
        content[frame.ref] = *judged;
        height[frame.ref] = frame.below + 1;
        if (frame.below >= limits_.nesting_depth) {
          throw Fault{FileErrorCode::over_limit, "The pickle's values are nested deeper than " +
                                                     std::to_string(limits_.nesting_depth) + " levels."};
        }
        const std::uint32_t finished = height[frame.ref];
        frames.pop_back();
        if (!frames.empty()) {
          frames.back().below = std::max(frames.back().below, finished);
        }
        continue;
      }
      const PickleRef child = frame.next < children.size() ? children[frame.next] : state;
      ++frame.next;
      if (height[child] == open) {
        throw Fault{
            FileErrorCode::unsupported,
            "The pickle holds a value that contains itself. Remove the attribute that refers back to its "
            "owner before saving."};
      }
      if (height[child] == unseen) {
        height[child] = open;
        frames.push_back({child, 0, 0});
      } else {
        frame.below = std::max(frame.below, height[child]);
      }
    }
  }
}

void PickleMachine::check_keys() const {
  std::unordered_set<std::string_view> keys;
  for (PickleRef ref = 0; ref < tree_.size(); ++ref) {
    if (tree_[ref].kind != PickleKind::dict) {
      continue;
    }
    keys.clear();
    const auto items = tree_.children(ref);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const PickleValue& key = tree_[items[i]];
      if (key.kind == PickleKind::string && !keys.insert(key.text).second) {
        throw Fault{FileErrorCode::malformed,
                    "The pickle has a dict with the key \"" + printable(key.text) + "\" twice."};
      }
    }
  }
}

}  // namespace fedlog::ml
