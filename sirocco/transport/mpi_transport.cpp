#include "sirocco/transport/mpi_transport.hpp"

#include <dlfcn.h>

// The bindings of C++, which nobody needs, are in another library.
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/transport/wire.hpp"

namespace sirocco {

struct MpiSession::State {
  int rank = 0;
  int size = 1;
  bool in_order = false;
  std::timed_mutex calls;  // one thread at a time may be in MPI
};

namespace {

// A frame goes as one message, with a short payload in it, and the pieces of a longer one behind.
// Each is a sign of life, so that a long frame on a slow network isn't taken for silence; and none
// is longer than MPI's counts can say.
constexpr std::size_t kMaxInline = 16 << 10;
constexpr std::size_t kMaxPiece = 4 << 20;
constexpr int kFrameTag = 1;
constexpr int kPieceTag = 2;

std::string mpi_error(int code) {
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  return quoted({text.data(), static_cast<std::size_t>(length)}, text.size());
}

class MpiWire final : public Wire {
 public:
  MpiWire(int rank, int size, std::timed_mutex& calls, std::uint64_t max_payload)
      : rank_(rank), calls_(calls), max_payload_(max_payload), all_(std::make_unique<Transfers>()) {
    const std::lock_guard lock(calls_);
    all_->incoming.resize(static_cast<std::size_t>(size));
    all_->outgoing.resize(static_cast<std::size_t>(size));
    for (int peer = 0; peer < size; ++peer) {
      if (peer == rank) continue;
      incoming(peer).first.resize(kFrameHeaderBytes + kMaxInline);
      receive_first(peer);
    }
  }
  ~MpiWire() override {
    // What MPI may still write to or read from has to stay as long as the process.
    if (!all_->requests.empty()) static_cast<void>(all_.release());
  }

  int stage() const override { return rank_; }
  int stages() const override { return static_cast<int>(all_->incoming.size()); }
  bool is_free(int to) const override { return outgoing(to).messages == 0; }
  void begin(int to, Frame frame) override;
  void progress(std::vector<WireEvent>& events) override;

 private:
  enum class Part { kSent, kFirst, kPiece };
  /// What a request is for.
  struct Use {
    int peer;
    Part part;
    std::size_t bytes;
  };
  struct Incoming {
    std::vector<std::byte> first;
    Frame frame;
    std::size_t pieces = 0;  // that are still to come
    bool over = false;
  };
  struct Outgoing {
    std::vector<std::byte> first;
    Frame frame;
    std::size_t messages = 0;  // that MPI still needs the bytes of
  };
  struct Transfers {
    std::vector<MPI_Request> requests;
    std::vector<Use> uses;  // of each
    std::vector<Incoming> incoming;
    std::vector<Outgoing> outgoing;
  };

  Incoming& incoming(int peer) { return all_->incoming[static_cast<std::size_t>(peer)]; }
  Outgoing& outgoing(int peer) { return all_->outgoing[static_cast<std::size_t>(peer)]; }
  const Outgoing& outgoing(int peer) const {
    return all_->outgoing[static_cast<std::size_t>(peer)];
  }
  /// body(bytes) for each piece of a payload.
  template <class F>
  static void for_each_piece(std::vector<std::byte>& payload, F body) {
    for (std::size_t at = 0; at < payload.size(); at += kMaxPiece)
      body(std::span(payload).subspan(at, std::min(kMaxPiece, payload.size() - at)));
  }

  void send(int to, std::span<const std::byte> bytes, int tag);
  void receive(int from, std::span<std::byte> bytes, int tag, Part part);
  void receive_first(int from) { receive(from, incoming(from).first, kFrameTag, Part::kFirst); }
  void add(int peer, MPI_Request request, int error, Use use);

  bool test();
  void handle(const Use& use, const MPI_Status& status, int error);
  void first_came(int from, std::size_t bytes);
  void frame_came(int from);
  void fault(int from, std::string why);

  const int rank_;
  std::timed_mutex& calls_;
  const std::uint64_t max_payload_;
  std::unique_ptr<Transfers> all_;
  std::vector<WireEvent> events_;
  std::vector<int> indices_;
  std::vector<MPI_Status> statuses_;
};

void MpiWire::begin(int to, Frame frame) {
  const std::lock_guard lock(calls_);
  Outgoing& out = outgoing(to);
  const FrameHeaderBytes header = encode_header(frame);
  out.frame = std::move(frame);
  std::vector<std::byte>& payload = out.frame.payload;
  out.first.assign(header.begin(), header.end());
  const bool is_short = payload.size() <= kMaxInline;
  if (is_short) out.first.insert(out.first.end(), payload.begin(), payload.end());
  send(to, out.first, kFrameTag);
  if (!is_short)
    for_each_piece(payload, [&](std::span<std::byte> piece) { send(to, piece, kPieceTag); });
}

void MpiWire::progress(std::vector<WireEvent>& events) {
  {
    const std::lock_guard lock(calls_);
    // What a test finds was done before it: only a second one without anything new says that there
    // is nothing. And whoever sends without end doesn't hold up the rest.
    constexpr int kMaxTests = 64;
    for (int tests = 0, idle = 0; tests < kMaxTests && idle < 2; ++tests)
      idle = test() ? 0 : idle + 1;
  }
  for (WireEvent& event : events_) events.push_back(std::move(event));
  events_.clear();
}

void MpiWire::send(int to, std::span<const std::byte> bytes, int tag) {
  MPI_Request request = MPI_REQUEST_NULL;
  const int error = MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, tag,
                              MPI_COMM_WORLD, &request);
  ++outgoing(to).messages;
  add(to, request, error, {to, Part::kSent, bytes.size()});
}

void MpiWire::receive(int from, std::span<std::byte> bytes, int tag, Part part) {
  MPI_Request request = MPI_REQUEST_NULL;
  const int error = MPI_Irecv(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, from, tag,
                              MPI_COMM_WORLD, &request);
  add(from, request, error, {from, part, bytes.size()});
}

void MpiWire::add(int peer, MPI_Request request, int error, Use use) {
  if (error != MPI_SUCCESS) return fault(peer, mpi_error(error));
  all_->requests.push_back(request);
  all_->uses.push_back(use);
}

// Whether something was done.
bool MpiWire::test() {
  if (all_->requests.empty()) return false;
  const std::size_t size = all_->requests.size();
  indices_.resize(size);
  statuses_.resize(size);
  int count = 0;
  const int error = MPI_Testsome(static_cast<int>(size), all_->requests.data(), &count,
                                 indices_.data(), statuses_.data());
  if (error != MPI_SUCCESS && error != MPI_ERR_IN_STATUS)
    throw IoError("MPI: {}", mpi_error(error));
  if (count == MPI_UNDEFINED || count <= 0) return false;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const Use use = all_->uses[static_cast<std::size_t>(indices_[i])];
    handle(use, statuses_[i], error == MPI_SUCCESS ? MPI_SUCCESS : statuses_[i].MPI_ERROR);
  }
  // Requests that are done are null now; those that were added meanwhile stand behind them.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < all_->requests.size(); ++i) {
    if (all_->requests[i] == MPI_REQUEST_NULL) continue;
    all_->requests[kept] = all_->requests[i];
    all_->uses[kept++] = all_->uses[i];
  }
  all_->requests.resize(kept);
  all_->uses.resize(kept);
  return true;
}

void MpiWire::handle(const Use& use, const MPI_Status& status, int error) {
  if (use.part == Part::kSent) {
    Outgoing& out = outgoing(use.peer);
    if (--out.messages == 0) out.frame = {};
    if (error != MPI_SUCCESS) fault(use.peer, mpi_error(error));
    return;
  }
  Incoming& in = incoming(use.peer);
  if (in.over) return;
  if (error != MPI_SUCCESS) return fault(use.peer, mpi_error(error));
  int counted = 0;
  MPI_Get_count(&status, MPI_BYTE, &counted);
  const auto bytes = static_cast<std::size_t>(counted);
  if (use.part == Part::kFirst) return first_came(use.peer, bytes);
  if (bytes != use.bytes) {
    return fault(use.peer,
                 fmt::format("it sent what is no frame: a piece of {} bytes instead of {}", bytes,
                             use.bytes));
  }
  if (--in.pieces == 0) return frame_came(use.peer);
  events_.push_back({use.peer, SignOfLife{}});
}

void MpiWire::first_came(int from, std::size_t bytes) {
  Incoming& in = incoming(from);
  try {
    const std::span<const std::byte> message = std::span(in.first).first(bytes);
    const ReceivedHeader received = decode_header(message, max_payload_);
    const bool is_short = received.payload_bytes <= kMaxInline;
    const std::size_t expected = kFrameHeaderBytes + (is_short ? received.payload_bytes : 0);
    if (bytes != expected) {
      throw FormatError("a frame ({}) begins with a message of {} bytes instead of {}",
                        frame_kind_name(received.header.kind), bytes, expected);
    }
    in.frame.header = received.header;
    if (is_short) {
      const auto payload = message.subspan(kFrameHeaderBytes);
      in.frame.payload.assign(payload.begin(), payload.end());
      return frame_came(from);
    }
    in.frame.payload.resize(received.payload_bytes);
    for_each_piece(in.frame.payload, [&](std::span<std::byte> piece) {
      ++in.pieces;
      receive(from, piece, kPieceTag, Part::kPiece);
    });
    events_.push_back({from, SignOfLife{}});
  } catch (const FormatError& e) {
    fault(from, fmt::format("it sent what is no frame: {}", e.what()));
  }
}

void MpiWire::frame_came(int from) {
  Incoming& in = incoming(from);
  const FrameKind kind = in.frame.header.kind;
  events_.push_back({from, std::exchange(in.frame, {})});
  in.over = kind == FrameKind::kShutdown || kind == FrameKind::kFailure;
  if (!in.over) receive_first(from);
}

void MpiWire::fault(int from, std::string why) {
  if (std::exchange(incoming(from).over, true)) return;
  events_.push_back({from, WireFault{std::move(why)}});
}

std::unique_ptr<Wire> make_wire(const MpiSession& session, std::timed_mutex& calls,
                                const WiredOptions& options) {
  return std::make_unique<MpiWire>(session.rank(), session.size(), calls,
                                   options.frames.max_payload);
}

/// Has Open MPI say nothing of its own any more. What it has to say of a connection that broke goes
/// through mpirun, and the thread that says it waits: in vain, while mpirun ends the job for just
/// that reason. Its setting of this name is read at the start only, when messages are wanted.
void silence_mpi() {
  if (void* const quiet = dlsym(RTLD_DEFAULT, "orte_execute_quiet"))
    *static_cast<bool*>(quiet) = true;
}

}  // namespace

bool is_built_with_mpi() { return true; }

MpiSession::MpiSession() : state_(std::make_unique<State>()) {
  if (!is_started_by_mpirun())
    throw InvalidArgument("this process is no rank of a job: start it by mpirun -n STAGES");
  int level = 0;
  int error = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &level);
  if (error == MPI_SUCCESS) error = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (error == MPI_SUCCESS) error = MPI_Comm_rank(MPI_COMM_WORLD, &state_->rank);
  if (error == MPI_SUCCESS) error = MPI_Comm_size(MPI_COMM_WORLD, &state_->size);
  if (error != MPI_SUCCESS) throw IoError("MPI: {}", mpi_error(error));
  if (level < MPI_THREAD_SERIALIZED)
    throw UnsupportedError("this MPI can't be used from a thread of the program's choice");
  silence_mpi();
}

MpiSession::~MpiSession() {
  if (state_->in_order || state_->size == 1) MPI_Finalize();
}

int MpiSession::rank() const { return state_->rank; }
int MpiSession::size() const { return state_->size; }

void MpiSession::abort(int exit_code) {
  // A thread that hangs within MPI must not keep the job alive.
  const std::unique_lock lock(state_->calls, std::chrono::seconds(1));
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::_Exit(exit_code);
}

MpiTransport::MpiTransport(MpiSession& session, const std::vector<Term>& terms,
                           WiredOptions options)
    : WiredTransport(make_wire(session, session.state_->calls, options), terms, options),
      session_(session) {}

MpiTransport::~MpiTransport() { session_.state_->in_order = wind_up(); }

}  // namespace sirocco
