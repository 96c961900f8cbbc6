#include "bosen/runtime/job_control.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "bosen/base/assert.h"
#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/base/log.h"
#include "bosen/runtime/control_protocol.h"
#include "bosen/runtime/coordinator_link.h"
#include "bosen/runtime/local_coordinator.h"
#include "bosen/runtime/remote_coordinator.h"

namespace bosen::runtime {
namespace {

/// How long abort() waits until the coordinator has taken note.
constexpr std::chrono::seconds kAbortWait{3};
/// What a process has at least for connecting, however long it took to find out where.
constexpr std::int64_t kConnectMinNs = 1'000'000'000;

std::int64_t steady_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// At most a year, so that no arithmetic overflows.
std::int64_t nanoseconds(double seconds) {
  return static_cast<std::int64_t>(std::clamp(seconds, 0.0, 365.0 * 86400.0) * 1e9);
}

Address checked_address(const std::string& text, const char* what) {
  if (auto address = parse_listen_address(text)) return *address;
  throw Error(ErrorKind::kConfiguration, std::string(what) + " '" + one_line(text) +
                                             "' is not HOST:PORT; write an IPv6 address as [ADDRESS]:PORT");
}

Hello checked_hello(const JobSpec& spec, const Member& own) {
  BOSEN_ASSERT(own.rank == spec.rank);
  const std::string who = describe(own) + ": ";
  if (spec.size < 2 || spec.size > limits::kProcessesMax) {
    throw Error(ErrorKind::kConfiguration, who + "a job that joins has 2 to " + std::to_string(limits::kProcessesMax) +
                                               " processes, not " + std::to_string(spec.size));
  }
  if (spec.rank < 0 || spec.rank >= spec.size) {
    throw Error(ErrorKind::kConfiguration, who + "ranks of this job are 0 to " + std::to_string(spec.size - 1));
  }
  if (spec.job.size() > kMemberTextBytesMax) {
    throw Error(ErrorKind::kConfiguration,
                who + "the job's token is longer than " + std::to_string(kMemberTextBytesMax) + " bytes");
  }
  if (const auto problem = problem_of(own)) throw Error(ErrorKind::kConfiguration, who + *problem);
  return {spec.job, spec.size, spec.servers, own, true};
}

std::unique_ptr<CoordinatorLink> open_local(const JobSpec& spec, const Hello& hello, std::int64_t started_ns) {
  Address at = checked_address(spec.listen, "rank 0's address");
  TcpListener listener = listen_at(at);
  at.port = listener.port;
  const std::string address = to_string(at);
  auto link = std::make_unique<LocalCoordinator>(
      std::move(listener),
      JobCoordinator::Options{spec.job, spec.size, spec.servers, nanoseconds(spec.timeout_s), address}, hello,
      started_ns);
  if (spec.publish_coordinator) spec.publish_coordinator(address);
  return link;
}

std::unique_ptr<CoordinatorLink> open_remote(const JobSpec& spec, Hello hello, std::int64_t started_ns,
                                             std::function<void(const std::string&)> notice) {
  const Address at = checked_address(spec.find_coordinator(), "rank 0's address");
  const std::int64_t now_ns = steady_now_ns();
  const std::int64_t timeout_ns = nanoseconds(spec.timeout_s);
  const std::int64_t deadline_ns = std::max(started_ns + timeout_ns, now_ns + std::min(timeout_ns, kConnectMinNs));
  return std::make_unique<RemoteCoordinator>(
      RemoteCoordinator::Options{at, std::move(hello), started_ns, deadline_ns, std::move(notice)}, now_ns);
}

std::function<void(const std::string&)> notice_of(const JobSpec& spec, const Member& own) {
  if (spec.notice) return spec.notice;
  return
      [who = describe(own)](const std::string& text) { try_write_line(STDERR_FILENO, "bosen: " + who + ' ' + text); };
}

}  // namespace

/// The calling threads' side says what it wants under the mutex and wakes the control thread, which alone touches the
/// link.
class JobControl::Impl {
 public:
  Impl(const JobSpec& spec, const Member& own, JobListener listener);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] const std::vector<Member>& members() const { return members_; }
  bool leave();
  void abort(const Error& cause);
  void abort_soon(const Error& cause);
  void report(std::string status);

 private:
  [[nodiscard]] bool over() const { return released_ || failure_ || ended_; }  // under mutex_
  void wake() const;
  void await_start();

  // The control thread.
  void run(const std::stop_token& stop, std::unique_ptr<CoordinatorLink> link);
  void drive(const std::stop_token& stop, CoordinatorLink& link);
  void await_work(const CoordinatorLink& link) const;
  void pass_on_wishes(CoordinatorLink& link);
  void take(const ControlMessage& message);
  void start();
  void release();
  void fail(const Failed& failure);

  const int size_;
  const std::function<void(const std::string&)> notice_;
  const JobListener listener_;
  const Descriptor wake_;
  /// Written by the control thread before joined_, constant after it.
  std::vector<Member> members_;

  std::mutex mutex_;  ///< guards all below; a leaf
  std::condition_variable changed_;
  bool wants_to_leave_ = false;
  std::optional<Abort> wants_to_abort_;
  std::optional<Status> wants_to_report_;
  bool aborted_ = false;
  bool joined_ = false;
  bool released_ = false;
  bool ended_ = false;  ///< the control thread is done
  std::optional<Failed> failure_;

  std::jthread thread_;  ///< last, as it uses all of the above
};

JobControl::Impl::Impl(const JobSpec& spec, const Member& own, JobListener listener)
    : size_(spec.size),
      notice_(notice_of(spec, own)),
      listener_(std::move(listener)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw Error(ErrorKind::kNetwork, "eventfd: " + std::system_category().message(errno));
  const std::int64_t started_ns = steady_now_ns();
  const Hello hello = checked_hello(spec, own);
  auto link = spec.rank == 0 ? open_local(spec, hello, started_ns) : open_remote(spec, hello, started_ns, notice_);
  thread_ = std::jthread(
      [this](const std::stop_token& stop, std::unique_ptr<CoordinatorLink> owned) { run(stop, std::move(owned)); },
      std::move(link));
  await_start();
}

JobControl::Impl::~Impl() {
  thread_.request_stop();
  wake();
}

void JobControl::Impl::wake() const {
  const std::uint64_t one = 1;
  // The counter can only be full when the thread is about to wake anyway.
  static_cast<void>(!::write(wake_.get(), &one, sizeof(one)));
}

void JobControl::Impl::await_start() {
  std::optional<Failed> failure;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return joined_ || ended_; });
    if (joined_) return;
    failure = failure_;
  }
  BOSEN_ASSERT(failure);
  throw Error(failure->kind, failure->cause);
}

bool JobControl::Impl::leave() {
  std::unique_lock lock(mutex_);
  wants_to_leave_ = true;
  wake();
  // Bounded by the coordinator's and the link's watch over who is alive.
  changed_.wait(lock, [&] { return over(); });
  return released_ && !failure_;
}

void JobControl::Impl::abort(const Error& cause) {
  abort_soon(cause);
  std::unique_lock lock(mutex_);
  if (!over()) changed_.wait_for(lock, kAbortWait, [&] { return ended_; });
}

void JobControl::Impl::abort_soon(const Error& cause) {
  const std::lock_guard lock(mutex_);
  if (over()) return;
  if (!aborted_) wants_to_abort_ = Abort{cause.kind(), cause.what()};
  aborted_ = true;
  wake();
}

void JobControl::Impl::report(std::string status) {
  if (status.size() > kControlStatusBytesMax) return;
  const std::lock_guard lock(mutex_);
  wants_to_report_ = Status{std::move(status)};
  wake();
}

void JobControl::Impl::run(const std::stop_token& stop, std::unique_ptr<CoordinatorLink> link) {
  // Signals are the app's business: its own threads take them.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), "bosen-control");
  try {
    drive(stop, *link);
  } catch (const std::exception& error) {
    fail({ErrorKind::kNetwork, std::string("job control can't go on: ") + error.what()});
  }
  link.reset();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void JobControl::Impl::drive(const std::stop_token& stop, CoordinatorLink& link) {
  std::vector<ControlMessage> inbox;
  for (;;) {
    pass_on_wishes(link);
    link.serve(steady_now_ns(), inbox);
    for (const ControlMessage& message : inbox) take(message);
    inbox.clear();
    if (link.ended(steady_now_ns())) return;
    if (stop.stop_requested()) {
      const std::lock_guard lock(mutex_);
      if (!released_ && !failure_) return;
    }
    await_work(link);
  }
}

void JobControl::Impl::await_work(const CoordinatorLink& link) const {
  std::vector<pollfd> descriptors{{wake_.get(), POLLIN, 0}};
  link.watch(descriptors);
  const std::int64_t wait_ns =
      std::clamp<std::int64_t>(link.next_deadline_ns() - steady_now_ns(), 0, limits::kHeartbeatNs);
  const auto wait_ms = static_cast<int>((wait_ns + 999'999) / 1'000'000);
  if (::poll(descriptors.data(), descriptors.size(), wait_ms) < 0 && errno != EINTR) {
    throw Error(ErrorKind::kNetwork, "poll: " + std::system_category().message(errno));
  }
  std::uint64_t count = 0;
  static_cast<void>(!::read(wake_.get(), &count, sizeof(count)));
}

void JobControl::Impl::pass_on_wishes(CoordinatorLink& link) {
  bool leaves = false;
  std::optional<Abort> abort;
  std::optional<Status> report;
  {
    const std::lock_guard lock(mutex_);
    report = std::exchange(wants_to_report_, std::nullopt);
    leaves = std::exchange(wants_to_leave_, false);
    abort = std::exchange(wants_to_abort_, std::nullopt);
  }
  if (report) link.send(*report, steady_now_ns());
  if (leaves) link.send(Done{}, steady_now_ns());
  if (abort) link.send(*abort, steady_now_ns());
}

void JobControl::Impl::take(const ControlMessage& message) {
  if (const auto* entry = std::get_if<MemberEntry>(&message)) {
    const bool expected = entry->member.rank == static_cast<Rank>(members_.size()) && entry->member.rank < size_;
    if (expected) members_.push_back(entry->member);
  } else if (std::holds_alternative<Start>(message)) {
    start();
  } else if (const auto* waiting = std::get_if<Waiting>(&message)) {
    notice_(waiting->text);
  } else if (std::holds_alternative<Released>(message)) {
    release();
  } else if (const auto* status = std::get_if<Status>(&message)) {
    if (listener_.on_status) listener_.on_status(status->text);
  } else if (const auto* failed = std::get_if<Failed>(&message)) {
    fail(*failed);
  }
}

void JobControl::Impl::start() {
  if (members_.size() != static_cast<std::size_t>(size_))
    throw Error(ErrorKind::kNetwork, "rank 0 sent an incomplete list of processes");
  const std::lock_guard lock(mutex_);
  joined_ = true;
  changed_.notify_all();
}

void JobControl::Impl::release() {
  const std::lock_guard lock(mutex_);
  if (!joined_) throw Error(ErrorKind::kNetwork, "rank 0 ended the job before it began");
  released_ = true;
  changed_.notify_all();
}

void JobControl::Impl::fail(const Failed& failure) {
  bool tell = false;
  {
    const std::lock_guard lock(mutex_);
    if (failure_ || released_) return;
    failure_ = failure;
    tell = joined_ && !aborted_;
    changed_.notify_all();
  }
  if (tell && listener_.on_failure) listener_.on_failure(Error(failure.kind, failure.cause));
}

JobControl::JobControl(const JobSpec& spec, const Member& own, JobListener listener)
    : impl_(std::make_unique<Impl>(spec, own, std::move(listener))) {}

JobControl::~JobControl() = default;

const std::vector<Member>& JobControl::members() const { return impl_->members(); }

bool JobControl::leave() { return impl_->leave(); }

void JobControl::abort(const Error& cause) { impl_->abort(cause); }

void JobControl::abort_soon(const Error& cause) { impl_->abort_soon(cause); }

void JobControl::report(std::string status) { impl_->report(std::move(status)); }

}  // namespace bosen::runtime
