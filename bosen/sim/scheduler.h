#pragma once

// Virtual time and what happens in it: events in the order of their times, and tasks, which are fibres that run until
// they wait. One thread; the same calls give the same order every time.
//
// Time passes only between events: what a task computes takes none, unless it rests.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <vector>

#include "bosen/core/link.h"
#include "bosen/sim/fibre.h"

namespace bosen::sim {

using core::TimeNs;

/// Something that happens at a time that was asked for.
class EventHandler {
 public:
  virtual ~EventHandler() = default;
  /// `argument` is what the event was planned with.
  virtual void happen(std::uint64_t argument) = 0;
};

/// A fibre of a node.
class Task {
 public:
  Task(std::size_t number, int node, std::function<void()> body)
      : number_(number), node_(node), fibre_(std::move(body)) {}

  [[nodiscard]] int node() const { return node_; }

 private:
  friend class Scheduler;

  const std::size_t number_;
  const int node_;
  Fibre fibre_;
};

class Scheduler final : private EventHandler {
 public:
  Scheduler() = default;
  /// Unwinds the tasks that have not ended, the latest first.
  ~Scheduler() override;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  [[nodiscard]] TimeNs now() const { return now_; }

  void at(TimeNs time, EventHandler& handler, std::uint64_t argument);

  /// Starts a task of a node: it runs when those before it wait.
  void spawn(int node, std::function<void()> body);
  /// The task that runs.
  [[nodiscard]] Task& current() { return *current_; }
  /// Suspends the current task until somebody resumes it.
  void suspend();
  /// Lets a suspended task go on, after those that were resumed before.
  void resume(Task& task) { ready_.push_back(&task); }
  /// Suspends the current task for so long.
  void rest(TimeNs duration);

  /// Lets no task of the node run any more.
  void stop_node(int node);

  enum class End {
    kAllEnded,  ///< every task of the nodes that run
    kStuck,     ///< tasks wait, and nothing will happen
    kTimeLimit,
  };
  /// Runs tasks and events.
  End run(TimeNs time_limit);

  /// Tasks that have not ended, of nodes that run.
  [[nodiscard]] int waiting_tasks() const { return unended_; }

 private:
  struct Event {
    TimeNs time;
    std::uint64_t order;
    EventHandler* handler;
    std::uint64_t argument;
    bool operator>(const Event& other) const { return time != other.time ? time > other.time : order > other.order; }
  };

  void happen(std::uint64_t task) override { resume(*tasks_[task]); }
  void run_ready();
  [[nodiscard]] bool stopped(int node) const;

  TimeNs now_ = 0;
  std::uint64_t planned_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> planned_events_;
  std::vector<std::unique_ptr<Task>> tasks_;  // in the order in which they began
  std::deque<Task*> ready_;
  Task* current_ = nullptr;
  int unended_ = 0;
  std::vector<bool> stopped_;  // by node
};

}  // namespace bosen::sim
