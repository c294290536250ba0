#include "actors/chance.h"

#include <sodium.h>

namespace fedlog::actors {

domain::Chance new_chance() {
  domain::Chance chance;
  randombytes_buf(&chance.seed, sizeof chance.seed);
  return chance;
}

}  // namespace fedlog::actors
