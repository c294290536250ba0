// What the pickle machine checks once all values are there.

#include <algorithm>
#include <unordered_map>

#include "ml/pickle_calls.h"
#include "ml/pickle_machine.h"

namespace fedlog::ml {

void PickleMachine::fail_too_deep() const {
  throw Fault{FileErrorCode::over_limit, "The pickle's values are nested deeper than " +
                                             std::to_string(limits_.nesting_depth) + " levels."};
}

// Cycles, depth and calls, with a stack of its own: input decides how deep this goes.
void PickleMachine::check_graph() {
  constexpr std::uint32_t unseen = 0;
  constexpr std::uint32_t open = std::numeric_limits<std::uint32_t>::max();
  std::ranges::fill(levels_, unseen);
  std::vector<Content> content(tree_.size(), Content::data);
  struct Frame {
    PickleRef ref;
    std::size_t next;
    std::uint32_t below;
  };
  std::vector<Frame> frames;
  for (PickleRef start = 0; start < tree_.size(); ++start) {
    if (levels_[start] != unseen) {
      continue;
    }
    levels_[start] = open;
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
        levels_[frame.ref] = frame.below + 1;
        if (frame.below >= limits_.nesting_depth) {
          fail_too_deep();
        }
        const std::uint32_t finished = levels_[frame.ref];
        frames.pop_back();
        if (!frames.empty()) {
          frames.back().below = std::max(frames.back().below, finished);
        }
        continue;
      }
      const PickleRef child = frame.next < children.size() ? children[frame.next] : state;
      ++frame.next;
      if (levels_[child] == open) {
        throw Fault{
            FileErrorCode::unsupported,
            "The pickle holds a value that contains itself. Remove the attribute that refers back to its "
            "owner before saving."};
      }
      if (levels_[child] == unseen) {
        if (frames.size() >= limits_.nesting_depth) {
          fail_too_deep();
        }
        levels_[child] = open;
        frames.push_back({child, 0, 0});
      } else {
        frame.below = std::max(frame.below, levels_[child]);
      }
    }
  }
}

// Looks at the text of each key once, in however many dicts it is.
void PickleMachine::check_keys() const {
  std::unordered_map<std::string_view, PickleRef> first_of;
  std::vector<PickleRef> first(tree_.size(), no_value);      // of those with a key's text
  std::vector<PickleRef> last_dict(tree_.size(), no_value);  // that had the first's text as a key
  for (PickleRef ref = 0; ref < tree_.size(); ++ref) {
    if (tree_[ref].kind != PickleKind::dict) {
      continue;
    }
    const auto items = tree_.children(ref);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const PickleValue& key = tree_[items[i]];
      if (key.kind != PickleKind::string) {
        continue;
      }
      if (first[items[i]] == no_value) {
        first[items[i]] = first_of.emplace(key.text, items[i]).first->second;
      }
      PickleRef& dict = last_dict[first[items[i]]];
      if (dict == ref) {
        throw Fault{FileErrorCode::malformed,
                    "The pickle has a dict with the key \"" + printable(key.text) + "\" twice."};
      }
      dict = ref;
    }
  }
}

}  // namespace fedlog::ml
