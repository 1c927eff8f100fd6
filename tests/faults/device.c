// Preloaded into a process, stands between it and its Vulkan driver and strikes from the FAULT_AT-th
// time on, counted from 1: FAULT=memory refuses large pieces of device memory, FAULT=submit loses the
// device when work is submitted, FAULT=wait when work is waited for.
//
// The process opens libvulkan.so.1 and looks functions up by name: it gets this library instead, and
// the functions of the real one but for the few here.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LARGE (1 << 20)

// Of the Vulkan specification.
enum { VK_ERROR_OUT_OF_DEVICE_MEMORY = -2, VK_ERROR_DEVICE_LOST = -4 };

typedef void (*Function)(void);
typedef Function (*Lookup)(void *, const char *);
typedef struct {
    int type;
    const void *next;
    uint64_t size;
    uint32_t memory_type;
} MemoryAllocateInfo;
typedef int (*AllocateMemory)(void *, const MemoryAllocateInfo *, const void *, void *);
typedef int (*Submit)(void *, uint32_t, const void *, void *);
typedef int (*Wait)(void *, const void *, uint64_t);

static Lookup instance_function, device_function;
static AllocateMemory allocate_memory;
static Submit submit;
static Wait wait_semaphores;
static atomic_long times;

void *dlopen(const char *file, int flags) {
    void *(*real)(const char *, int) = dlsym(RTLD_NEXT, "dlopen");
    void *library = real(file, flags);
    Dl_info self;
    if (!library || !file || strcmp(file, "libvulkan.so.1") != 0) return library;
    if (!dladdr((void *)dlopen, &self)) return NULL;
    instance_function = (Lookup)dlsym(library, "vkGetInstanceProcAddr");
    return real(self.dli_fname, flags);
}

static int strikes(const char *fault) {
    const char *wanted = getenv("FAULT"), *at = getenv("FAULT_AT");
    if (!wanted || !at || strcmp(wanted, fault) != 0) return 0;
    return atomic_fetch_add(&times, 1) + 1 >= atol(at);
}

static int allocate_or_refuse(void *device, const MemoryAllocateInfo *info, const void *callbacks,
                              void *memory) {
    if (info->size >= LARGE && strikes("memory")) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return allocate_memory(device, info, callbacks, memory);
}

static int submit_or_lose(void *queue, uint32_t count, const void *submits, void *fence) {
    return strikes("submit") ? VK_ERROR_DEVICE_LOST : submit(queue, count, submits, fence);
}

static int wait_or_lose(void *device, const void *info, uint64_t timeout) {
    return strikes("wait") ? VK_ERROR_DEVICE_LOST : wait_semaphores(device, info, timeout);
}

static Function look_up_for_device(void *device, const char *name) {
    Function real = device_function(device, name);
    if (!real) return NULL;
    if (strcmp(name, "vkAllocateMemory") == 0) {
        allocate_memory = (AllocateMemory)real;
        return (Function)allocate_or_refuse;
    }
    if (strcmp(name, "vkQueueSubmit") == 0) {
        submit = (Submit)real;
        return (Function)submit_or_lose;
    }
    if (strcmp(name, "vkWaitSemaphores") == 0 || strcmp(name, "vkWaitSemaphoresKHR") == 0) {
        wait_semaphores = (Wait)real;
        return (Function)wait_or_lose;
    }
    return real;
}

Function vkGetInstanceProcAddr(void *instance, const char *name) {
    Function real = instance_function(instance, name);
    if (!real || strcmp(name, "vkGetDeviceProcAddr") != 0) return real;
    device_function = (Lookup)real;
    return (Function)look_up_for_device;
}
