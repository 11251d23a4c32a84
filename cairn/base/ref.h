// Shared ownership with the count inside the object: one allocation, one word a handle. Some
// references are held only to look at the object again (Held, by compile()): when no other is left,
// the object is forgotten.
#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

namespace cairn {

// Grows whenever something changes on which a compiled function may depend: train and eval, frozen
// parameters, dtypes, hooks, replaced modules, objects forgotten. While it stays, compile() need
// not look at them.
inline std::atomic<uint64_t> mode_changes{1};
inline void note_mode_change() { mode_changes.fetch_add(1, std::memory_order_acq_rel); }
// Grows whenever a variable that held an object at which compile() looks is given another, or the
// other way round: what a compiled function captured may be another object now.
inline std::atomic<uint64_t> rebindings{1};

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) {}
  RefCounted& operator=(const RefCounted&) { return *this; }
  virtual ~RefCounted() = default;
  void retain() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    const int held = held_.load(std::memory_order_relaxed);
    const int left = references_.fetch_sub(1, std::memory_order_acq_rel) - 1;
    if (left == 0) delete this;
    else if (held != 0 && left == held) [[unlikely]] note_mode_change();
  }
  int use_count() const { return references_.load(std::memory_order_acquire); }
  // Says of `by` of the references that they only look.
  void hold(int by) const { held_.fetch_add(by, std::memory_order_acq_rel); }
  bool forgotten() const { return use_count() == held_.load(std::memory_order_acquire); }
  // A variable began or ceased to mean this object: counts it where compile() looks.
  void note_rebinding() const {
    if (held_.load(std::memory_order_relaxed) == 0) return;
    rebound_.fetch_add(1, std::memory_order_relaxed);
    rebindings.fetch_add(1, std::memory_order_acq_rel);
  }
  int times_rebound() const { return rebound_.load(std::memory_order_relaxed); }

 private:
  mutable std::atomic<int> references_{0}, held_{0}, rebound_{0};
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(T* object) : object_(object) {  // NOLINT: implicit from new
    if (object_) object_->retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_) object_->release();
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

 private:
  T* object_ = nullptr;
};

// A reference that does not keep its object from being forgotten.
template <class T>
class Held {
 public:
  Held() = default;
  Held(Ref<T> ref) : ref_(std::move(ref)) { count(1); }  // NOLINT: implicit
  Held(const Held& other) : Held(other.ref_) {}
  Held(Held&& other) noexcept : ref_(std::move(other.ref_)) {}
  Held& operator=(Held other) noexcept {
    std::swap(ref_, other.ref_);
    return *this;
  }
  ~Held() { count(-1); }
  T* get() const { return ref_.get(); }
  T* operator->() const { return ref_.get(); }
  T& operator*() const { return *ref_; }
  explicit operator bool() const { return static_cast<bool>(ref_); }
  operator const Ref<T>&() const { return ref_; }  // NOLINT: implicit
  friend bool operator==(const Held& a, const Held& b) { return a.ref_ == b.ref_; }

 private:
  void count(int by) {
    if (ref_) ref_->hold(by);
  }
  Ref<T> ref_;
};

}  // namespace cairn
