/* Says hello, finds a neighbour on the network, asks it three times, answers it, and ends.
 *
 * What tests see are the lines it prints. A line is printed after the thing that it claims.
 */
#include "board.h"
#include "net.h"

/* An Ethernet type that is free for experiments. */
enum { TYPE_HIGH = 0x88, TYPE_LOW = 0xb5 };

enum { ASK = 1, ANSWER = 2 };
enum { ASKS = 3 };

#define MS 1000000ull
#define ASK_EVERY (50 * MS)
#define GIVE_UP_AFTER (2000 * MS)
/* How long it still answers when it has all it wanted. */
#define QUIET_BEFORE_END (200 * MS)

struct frame {
    uint8_t to[MAC_BYTES], from[MAC_BYTES], type[2];
    uint8_t kind, number;
    uint8_t padding[44]; /* Ethernet sends no fewer than 60 bytes. */
};

static const uint8_t everybody[MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void print_mac(const uint8_t *mac)
{
    for (int i = 0; i < MAC_BYTES; i++) {
        if (i > 0) print(":");
        print_hex(mac[i], 2);
    }
}

static void send(const uint8_t *to, uint8_t kind, uint8_t number)
{
    struct frame frame = {.type = {TYPE_HIGH, TYPE_LOW}, .kind = kind, .number = number};
    for (int i = 0; i < MAC_BYTES; i++) {
        frame.to[i] = to[i];
        frame.from[i] = net_mac[i];
    }
    net_send(&frame, sizeof frame);
}

static void report_answer(const struct frame *frame)
{
    print("ping: answer ");
    print_number(frame->number);
    print(" from ");
    print_mac(frame->from);
    print_line("");
}

/* Takes all received frames; returns the number of the last answer that was awaited. */
static uint8_t take_frames(uint8_t awaited, uint64_t *last_frame)
{
    static union { struct frame frame; uint8_t bytes[FRAME_BYTES_MAX]; } received;
    uint32_t length;
    while ((length = net_receive(&received)) != 0) {
        const struct frame *frame = &received.frame;
        if (length < sizeof *frame) continue;
        if (frame->type[0] != TYPE_HIGH || frame->type[1] != TYPE_LOW) continue;
        *last_frame = board_now();
        if (frame->kind == ASK) send(frame->from, ANSWER, frame->number);
        if (frame->kind == ANSWER && frame->number == awaited) {
            report_answer(frame);
            awaited++;
        }
    }
    return awaited;
}

void guest_main(void)
{
    print_line("guest: hello");
    if (!net_start()) {
        print_line("guest: no network card");
        board_off(1);
    }
    print("guest: network up ");
    print_mac(net_mac);
    print_line("");

    uint64_t last_frame = board_now();
    uint64_t next_ask = board_now();
    uint8_t awaited = 1;
    while (awaited <= ASKS) {
        uint8_t before = awaited;
        awaited = take_frames(awaited, &last_frame);
        if (awaited > ASKS) break;
        if (awaited != before || board_now() >= next_ask) {
            send(everybody, ASK, awaited);
            next_ask = board_now() + ASK_EVERY;
        }
        if (board_now() > last_frame + GIVE_UP_AFTER) {
            print_line("ping: nobody answers");
            board_off(0);
        }
        board_wait(next_ask);
    }
    print_line("ping: done");

    while (board_now() < last_frame + QUIET_BEFORE_END) {
        board_wait(last_frame + QUIET_BEFORE_END);
        take_frames(0, &last_frame);
    }
    print_line("guest: end");
    board_off(0);
}

/* Where every trap ends. A line that begins so fails a test at once, as `guest-panic`. */
_Noreturn void guest_trap(uint64_t cause, uint64_t pc, uint64_t value)
{
    print("panic: trap ");
    print_number(cause);
    print(" at 0x");
    print_hex(pc, 16);
    print(" value 0x");
    print_hex(value, 16);
    print_line("");
    board_off(1);
}
