/* A driver as small as virtio allows: polled, one frame to send at a time, eight to receive. */
#include "net.h"

#include "board.h"

#define SLOT 0x10001000UL

/* Registers of virtio-mmio, version 2. */
enum {
    MAGIC = 0x000, VERSION = 0x004, DEVICE = 0x008,
    FEATURES_OFFERED_SELECT = 0x014, FEATURES_OFFERED = 0x010,
    FEATURES_SELECT = 0x024, FEATURES = 0x020,
    QUEUE_SELECT = 0x030, QUEUE_SIZE = 0x038, QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050, INTERRUPTS = 0x060, INTERRUPTS_SEEN = 0x064, STATUS = 0x070,
    QUEUE_DESCRIPTORS = 0x080, QUEUE_AVAILABLE = 0x090, QUEUE_USED = 0x0a0,
    CONFIGURATION = 0x100,
};

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

/* Feature bits; the second is in the upper word. */
enum { FEATURE_MAC = 1 << 5, FEATURE_VERSION_1_HIGH = 1 << 0 };

enum { RECEIVE, SEND, QUEUES };
enum { ENTRIES = 8, HEADER_BYTES = 12, BUFFER_BYTES = HEADER_BYTES + FRAME_BYTES_MAX };
enum { DEVICE_WRITES = 2 };

struct queue {
    struct { uint64_t address; uint32_t length; uint16_t flags, next; } descriptors[ENTRIES];
    struct { uint16_t flags, index, ring[ENTRIES]; } available;
    struct { uint16_t flags, index; struct { uint32_t id, length; } ring[ENTRIES]; } used
        __attribute__((aligned(4)));
    uint16_t seen;
} __attribute__((aligned(16)));

uint8_t net_mac[MAC_BYTES];

static volatile struct queue queues[QUEUES];
static uint8_t buffers[QUEUES][ENTRIES][BUFFER_BYTES];

static void fence(void)
{
    __asm__ volatile("fence" ::: "memory");
}

static void set_address(uint32_t reg, const volatile void *what)
{
    REG32(SLOT + reg) = (uint32_t)(uintptr_t)what;
    REG32(SLOT + reg + 4) = (uint32_t)((uintptr_t)what >> 32);
}

/* Gives the card a buffer: to fill, or to send. */
static void offer(int which, uint16_t entry, uint32_t length)
{
    volatile struct queue *queue = &queues[which];
    queue->descriptors[entry].address = (uintptr_t)buffers[which][entry];
    queue->descriptors[entry].length = length;
    queue->descriptors[entry].flags = which == RECEIVE ? DEVICE_WRITES : 0;
    queue->available.ring[queue->available.index % ENTRIES] = entry;
    fence();
    queue->available.index++;
    fence();
    REG32(SLOT + QUEUE_NOTIFY) = (uint32_t)which;
}

static void start_queue(int which)
{
    REG32(SLOT + QUEUE_SELECT) = (uint32_t)which;
    REG32(SLOT + QUEUE_SIZE) = ENTRIES;
    set_address(QUEUE_DESCRIPTORS, queues[which].descriptors);
    set_address(QUEUE_AVAILABLE, &queues[which].available);
    set_address(QUEUE_USED, &queues[which].used);
    REG32(SLOT + QUEUE_READY) = 1;
}

int net_start(void)
{
    if (REG32(SLOT + MAGIC) != 0x74726976 || REG32(SLOT + VERSION) != 2) return 0;
    if (REG32(SLOT + DEVICE) != 1) return 0; /* no network card in this slot */

    REG32(SLOT + STATUS) = 0; /* reset */
    REG32(SLOT + STATUS) = ACKNOWLEDGE;
    REG32(SLOT + STATUS) = ACKNOWLEDGE | DRIVER;
    REG32(SLOT + FEATURES_SELECT) = 0;
    REG32(SLOT + FEATURES) = FEATURE_MAC;
    REG32(SLOT + FEATURES_SELECT) = 1;
    REG32(SLOT + FEATURES) = FEATURE_VERSION_1_HIGH;
    REG32(SLOT + STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    if ((REG32(SLOT + STATUS) & FEATURES_OK) == 0) return 0; /* the card wants more */

    for (int i = 0; i < MAC_BYTES; i++)
        net_mac[i] = *(volatile uint8_t *)(SLOT + CONFIGURATION + i);
    start_queue(RECEIVE);
    start_queue(SEND);
    REG32(SLOT + STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    for (uint16_t entry = 0; entry < ENTRIES; entry++) offer(RECEIVE, entry, BUFFER_BYTES);
    board_listen(IRQ_NET);
    return 1;
}

void net_send(const void *frame, uint32_t length)
{
    volatile struct queue *queue = &queues[SEND];
    uint8_t *buffer = buffers[SEND][0];
    for (uint32_t i = 0; i < HEADER_BYTES; i++) buffer[i] = 0;
    for (uint32_t i = 0; i < length; i++) buffer[HEADER_BYTES + i] = ((const uint8_t *)frame)[i];
    offer(SEND, 0, HEADER_BYTES + length);
    while (queue->used.index == queue->seen) {}
    queue->seen++;
}

uint32_t net_receive(void *frame)
{
    volatile struct queue *queue = &queues[RECEIVE];
    REG32(SLOT + INTERRUPTS_SEEN) = REG32(SLOT + INTERRUPTS);
    if (queue->used.index == queue->seen) return 0;
    fence();
    uint16_t entry = (uint16_t)queue->used.ring[queue->seen % ENTRIES].id;
    uint32_t length = queue->used.ring[queue->seen % ENTRIES].length - HEADER_BYTES;
    queue->seen++;
    for (uint32_t i = 0; i < length; i++)
        ((uint8_t *)frame)[i] = buffers[RECEIVE][entry][HEADER_BYTES + i];
    offer(RECEIVE, entry, BUFFER_BYTES);
    return length;
}
