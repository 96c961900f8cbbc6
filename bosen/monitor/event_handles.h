#pragma once

// Owners of libevent's objects.

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include <memory>

namespace bosen::monitor {

template <auto kFree>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using EventBase = std::unique_ptr<event_base, FreeWith<&event_base_free>>;
using EventHandle = std::unique_ptr<event, FreeWith<&event_free>>;
using HttpHandle = std::unique_ptr<evhttp, FreeWith<&evhttp_free>>;
/// A further owner, so that it can be asked whether it is in use.
using SharedBuffer = std::unique_ptr<bufferevent, FreeWith<&bufferevent_decref>>;
using HttpConnection = std::unique_ptr<evhttp_connection, FreeWith<&evhttp_connection_free>>;

}  // namespace bosen::monitor
