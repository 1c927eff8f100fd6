// Preloaded into a process, stands between it and its Vulkan driver, counts the large pieces of device
// memory it asks for, and refuses the one whose number is in FAULT_AT, counted from 1, and all after.
//
// The process opens libvulkan.so.1 and looks functions up by name: it gets this library instead, and
// all functions of the real one but vkAllocateMemory.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LARGE (1 << 20)

// Of the Vulkan specification.
enum { VK_ERROR_OUT_OF_DEVICE_MEMORY = -2 };

typedef void (*Function)(void);
typedef Function (*Lookup)(void *, const char *);
typedef struct {
    int type;
    const void *next;
    uint64_t size;
    uint32_t memory_type;
} MemoryAllocateInfo;
typedef int (*AllocateMemory)(void *, const MemoryAllocateInfo *, const void *, void *);

static Lookup instance_function, device_function;
static AllocateMemory allocate_memory;
static atomic_long pieces;

void *dlopen(const char *file, int flags) {
    void *(*real)(const char *, int) = dlsym(RTLD_NEXT, "dlopen");
    void *library = real(file, flags);
    Dl_info self;
    if (!library || !file || strcmp(file, "libvulkan.so.1") != 0) return library;
    if (!dladdr((void *)dlopen, &self)) return NULL;
    instance_function = (Lookup)dlsym(library, "vkGetInstanceProcAddr");
    return real(self.dli_fname, flags);
}

static int refuse_or_allocate(void *device, const MemoryAllocateInfo *info, const void *callbacks,
                              void *memory) {
    const char *at = getenv("FAULT_AT");
    if (info->size >= LARGE && at && atomic_fetch_add(&pieces, 1) + 1 >= atol(at))
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return allocate_memory(device, info, callbacks, memory);
}

static Function look_up_for_device(void *device, const char *name) {
    Function real = device_function(device, name);
    if (!real || strcmp(name, "vkAllocateMemory") != 0) return real;
    allocate_memory = (AllocateMemory)real;
    return (Function)refuse_or_allocate;
}

Function vkGetInstanceProcAddr(void *instance, const char *name) {
    Function real = instance_function(instance, name);
    if (!real || strcmp(name, "vkGetDeviceProcAddr") != 0) return real;
    device_function = (Lookup)real;
    return (Function)look_up_for_device;
}
