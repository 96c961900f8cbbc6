#include "bosen/table.h"

#include "bosen/base/error.h"
#include "bosen/runtime/table_handle.h"

namespace bosen {

using wire::SparseRecord;

namespace {

[[noreturn, gnu::cold]] void refuse_unmade() {
  throw Error(ErrorKind::kUsage, "a table is used that was not made: assign it what create_table returns");
}

runtime::TableHandle& made(runtime::TableHandle* handle) {
  if (handle == nullptr) refuse_unmade();
  return *handle;
}

template <class T>
RowView<T> dense_view(const std::byte* data, const wire::RowShape& shape) {
  return RowView<T>({reinterpret_cast<const T*>(data), static_cast<std::size_t>(shape.width)});
}

template <class T>
SparseRowView<T> sparse_view(const std::byte* record) {
  const std::size_t count = SparseRecord::count(record);
  return {{SparseRecord::columns(record), count},
          {reinterpret_cast<const T*>(record + SparseRecord::values_offset(count)), count}};
}

template <class T>
const std::byte* bytes_of(const T& first) {
  return reinterpret_cast<const std::byte*>(&first);
}

template <class T>
const std::byte* bytes_of(std::span<const T> values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

}  // namespace

template <class T>
RowView<T> Table<T>::get(Worker& worker, RowId row) const {
  return dense_view<T>(made(handle_).get(worker.context(), row), made(handle_).shape());
}

template <class T>
std::vector<RowView<T>> Table<T>::get(Worker& worker, std::span<const RowId> rows) const {
  std::vector<RowView<T>> views;
  views.reserve(rows.size());
  for (const std::byte* data : made(handle_).get(worker.context(), rows)) {
    views.push_back(dense_view<T>(data, made(handle_).shape()));
  }
  return views;
}

template <class T>
void Table<T>::prefetch(Worker& worker, std::span<const RowId> rows) const {
  made(handle_).prefetch(worker.context(), rows);
}

template <class T>
void Table<T>::inc(Worker& worker, RowId row, Column column, T update) const {
  made(handle_).inc_columns(worker.context(), row, {&column, 1}, bytes_of(update), 1);
}

template <class T>
void Table<T>::inc(Worker& worker, RowId row, std::span<const T> updates) const {
  made(handle_).inc_row(worker.context(), row, bytes_of(updates), updates.size());
}

template <class T>
void Table<T>::inc(Worker& worker, RowId row, std::span<const Column> columns, std::span<const T> updates) const {
  made(handle_).inc_columns(worker.context(), row, columns, bytes_of(updates), updates.size());
}

template <class T>
void Table<T>::advance(Worker& worker) const {
  made(handle_).advance(worker.context());
}

template <class T>
std::int64_t Table<T>::width() const {
  return made(handle_).shape().width;
}

template <class T>
SparseRowView<T> SparseTable<T>::get(Worker& worker, RowId row) const {
  return sparse_view<T>(made(handle_).get(worker.context(), row));
}

template <class T>
std::vector<SparseRowView<T>> SparseTable<T>::get(Worker& worker, std::span<const RowId> rows) const {
  std::vector<SparseRowView<T>> views;
  views.reserve(rows.size());
  for (const std::byte* record : made(handle_).get(worker.context(), rows)) views.push_back(sparse_view<T>(record));
  return views;
}

template <class T>
void SparseTable<T>::prefetch(Worker& worker, std::span<const RowId> rows) const {
  made(handle_).prefetch(worker.context(), rows);
}

template <class T>
void SparseTable<T>::inc(Worker& worker, RowId row, Column column, T update) const {
  made(handle_).inc_columns(worker.context(), row, {&column, 1}, bytes_of(update), 1);
}

template <class T>
void SparseTable<T>::inc(Worker& worker, RowId row, std::span<const Column> columns, std::span<const T> updates) const {
  made(handle_).inc_columns(worker.context(), row, columns, bytes_of(updates), updates.size());
}

template <class T>
void SparseTable<T>::advance(Worker& worker) const {
  made(handle_).advance(worker.context());
}

template <class T>
Clock Table<T>::staleness(Worker& worker) const {
  return made(handle_).staleness(worker.context());
}

template <class T>
Clock SparseTable<T>::staleness(Worker& worker) const {
  return made(handle_).staleness(worker.context());
}

template <class T>
Traffic Table<T>::traffic() const {
  return made(handle_).traffic();
}

template <class T>
Traffic SparseTable<T>::traffic() const {
  return made(handle_).traffic();
}

template class Table<float>;
template class Table<double>;
template class Table<std::int32_t>;
template class Table<std::int64_t>;
template class SparseTable<float>;
template class SparseTable<double>;
template class SparseTable<std::int32_t>;
template class SparseTable<std::int64_t>;

}  // namespace bosen
