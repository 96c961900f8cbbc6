#pragma once

#include <leveldb/env.h>

namespace poseidon {

/// Opens LevelDB folders without writing into them or locking them, so that any number of processes read one at once.
/// LevelDB itself would start a new log and manifest at every opening; here they come to nothing. For folders that
/// nobody writes any more and whose log is empty.
leveldb::Env* read_only_env();

}  // namespace poseidon
