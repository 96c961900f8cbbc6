#include "bosen/sim/scheduler.h"

#include <algorithm>
#include <utility>

namespace bosen::sim {

Scheduler::~Scheduler() {
  while (!tasks_.empty()) tasks_.pop_back();
}

void Scheduler::at(TimeNs time, EventHandler& handler, std::uint64_t argument) {
  planned_events_.push({std::max(time, now_), planned_++, &handler, argument});
}

void Scheduler::spawn(int node, std::function<void()> body) {
  tasks_.push_back(std::make_unique<Task>(tasks_.size(), node, std::move(body)));
  ++unended_;
  resume(*tasks_.back());
}

void Scheduler::suspend() { current_->fibre_.suspend(); }

void Scheduler::rest(TimeNs duration) {
  at(now_ + duration, *this, current_->number_);
  suspend();
}

bool Scheduler::stopped(int node) const {
  return static_cast<std::size_t>(node) < stopped_.size() && stopped_[static_cast<std::size_t>(node)];
}

void Scheduler::stop_node(int node) {
  if (stopped(node)) return;
  stopped_.resize(std::max(stopped_.size(), static_cast<std::size_t>(node) + 1));
  stopped_[static_cast<std::size_t>(node)] = true;
  unended_ -= static_cast<int>(std::count_if(tasks_.begin(), tasks_.end(), [node](const auto& task) {
    return task->node() == node && !task->fibre_.ended();
  }));
}

void Scheduler::run_ready() {
  while (!ready_.empty()) {
    Task& task = *ready_.front();
    ready_.pop_front();
    if (stopped(task.node())) continue;
    current_ = &task;
    task.fibre_.resume();
    current_ = nullptr;
    if (task.fibre_.ended()) --unended_;
  }
}

Scheduler::End Scheduler::run(TimeNs time_limit) {
  for (;;) {
    run_ready();
    if (unended_ == 0) return End::kAllEnded;
    if (planned_events_.empty()) return End::kStuck;
    const Event event = planned_events_.top();
    if (event.time > time_limit) return End::kTimeLimit;
    planned_events_.pop();
    now_ = event.time;
    event.handler->happen(event.argument);
  }
}

}  // namespace bosen::sim
