#include "poseidon/cli/net_file.h"

namespace poseidon {

NetFile read_net_file(const std::string& path) {
  const Node root = Node::read_file(path);
  const Node* const net = root.kind() == Node::Kind::kMap ? root.find("net") : nullptr;
  if (net == nullptr) return {.net = read_net_spec(path), .solver = std::nullopt};
  SolverSpec solver = read_solver_spec(path);
  NetSpec spec = read_net_spec(solver.net);
  return {.net = std::move(spec), .solver = std::move(solver)};
}

}  // namespace poseidon
