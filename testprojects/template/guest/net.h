/* Raw Ethernet frames over the board's network card, virtio-net in slot 0. */
#pragma once

#include <stdint.h>

enum { MAC_BYTES = 6, FRAME_BYTES_MAX = 1514 };

/* This machine's address, known once the card is up. */
extern uint8_t net_mac[MAC_BYTES];

/* Starts the card; 0 if there is none that this driver knows. */
int net_start(void);

/* Sends a frame, and returns when the card has it. */
void net_send(const void *frame, uint32_t length);

/* Copies the next received frame, and returns its length; 0 if there is none. */
uint32_t net_receive(void *frame);
