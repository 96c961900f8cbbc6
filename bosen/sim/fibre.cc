#include "bosen/sim/fibre.h"

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cstddef>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace bosen::sim {
namespace {

namespace context = boost::context;

// As much as a thread has; the system gives memory only to the pages that are used.
constexpr std::size_t kStackBytes = std::size_t{8} << 20;

}  // namespace

class Fibre::Impl {
 public:
  explicit Impl(std::function<void()> body) : body_(std::move(body)) {
    context::protected_fixedsize_stack allocator(kStackBytes);
    stack_ = allocator.allocate();
    const context::preallocated whole(stack_.sp, stack_.size, stack_);
    fibre_ = context::fiber(std::allocator_arg, whole, allocator, [this](context::fiber&& caller) {
      enter();
      caller_ = std::move(caller);
      body_();
      ended_ = true;
      leave();
      return std::move(caller_);
    });
  }

  void resume() {
    switch_to_stack();
    fibre_ = std::move(fibre_).resume();
    switched_back();
  }

  void suspend() {
    leave();
    caller_ = std::move(caller_).resume();
    enter();
  }

  [[nodiscard]] bool ended() const { return ended_; }

 private:
// The address sanitizer has to be told on which stack it is.
#if defined(__SANITIZE_ADDRESS__)
  void switch_to_stack() {
    const char* const bottom = static_cast<char*>(stack_.sp) - stack_.size;
    __sanitizer_start_switch_fiber(&resumer_fake_stack_, bottom, stack_.size);
  }
  void switched_back() { __sanitizer_finish_switch_fiber(resumer_fake_stack_, nullptr, nullptr); }
  void enter() { __sanitizer_finish_switch_fiber(fake_stack_, &resumer_bottom_, &resumer_bytes_); }
  void leave() { __sanitizer_start_switch_fiber(ended_ ? nullptr : &fake_stack_, resumer_bottom_, resumer_bytes_); }

  void* fake_stack_ = nullptr;
  void* resumer_fake_stack_ = nullptr;
  const void* resumer_bottom_ = nullptr;
  std::size_t resumer_bytes_ = 0;
#else
  void switch_to_stack() {}
  void switched_back() {}
  void enter() {}
  void leave() {}
#endif

  const std::function<void()> body_;
  context::stack_context stack_;
  context::fiber fibre_;
  context::fiber caller_;
  bool ended_ = false;
};

Fibre::Fibre(std::function<void()> body) : impl_(std::make_unique<Impl>(std::move(body))) {}

Fibre::~Fibre() = default;

void Fibre::resume() { impl_->resume(); }

void Fibre::suspend() { impl_->suspend(); }

bool Fibre::ended() const { return impl_->ended(); }

}  // namespace bosen::sim
