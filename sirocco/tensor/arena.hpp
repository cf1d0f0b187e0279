#pragma once

#include <cstddef>
#include <vector>

#include "sirocco/platform/byte_ledger.hpp"
#include "sirocco/platform/memory.hpp"
#include "sirocco/tensor/tensor.hpp"

namespace sirocco {

/// Scratch memory of one step, handed out front to back and given back all at once or down to a
/// mark. It grows when a step needs more than any before; from then on the same steps allocate
/// nothing. Not thread-safe: ops get tensors, the thread that drives the step allocates.
class Arena {
 public:
  /// `ledger`, when given, counts what it holds, and outlives it.
  explicit Arena(ByteLedger* ledger = nullptr) : ledger_(ledger) {}
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  /// An uninitialized tensor, aligned to 64 bytes, valid until the enclosing Scope or the step
  /// ends.
  Tensor tensor(DType dtype, const Shape& shape);

  /// Gives back everything and, if the memory had grown in pieces, joins them into one.
  void reset();

  /// What counts them; null where nothing does.
  ByteLedger* ledger() const { return ledger_; }
  /// Bytes held from the system.
  std::size_t capacity() const;

  /// Gives back, when it ends, what was allocated since it began.
  class Scope {
   public:
    explicit Scope(Arena& arena) : arena_(arena), chunk_(arena.chunk_), used_(arena.used_) {}
    ~Scope() {
      arena_.chunk_ = chunk_;
      arena_.used_ = used_;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena& arena_;
    std::size_t chunk_;
    std::size_t used_;
  };

 private:
  struct Chunk {
    Memory memory;
    ByteLedger::Reservation charged;
  };
  void add_chunk(std::size_t bytes);

  ByteLedger* ledger_;
  std::vector<Chunk> chunks_;
  std::size_t chunk_ = 0;  // the chunk that is being filled
  std::size_t used_ = 0;   // bytes of it
};

}  // namespace sirocco
