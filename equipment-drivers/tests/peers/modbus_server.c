/* A libmodbus server with the small register map of tests/it/peer_modbus.rs: one connection at a time, any unit id.
 *
 *     modbus_server PORT
 *
 * It says "ready" when it listens. Like most small devices it is busy with its one caller until that one hangs up. */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count != 2) return 2;
    modbus_t *context = modbus_new_tcp("127.0.0.1", atoi(words[1]));
    modbus_mapping_t *map = modbus_mapping_new(16, 16, 16, 16);
    if (context == NULL || map == NULL) return 1;
    map->tab_bits[9] = 1;
    map->tab_input_bits[3] = 1;
    map->tab_input_registers[0] = 203;
    map->tab_registers[4] = 0x4214; /* 37.0 as a float, high word first */
    int listener = modbus_tcp_listen(context, 1);
    if (listener < 0) return 1;
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (modbus_tcp_accept(context, &listener) < 0) return 1;
        uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
        int length;
        while ((length = modbus_receive(context, query)) >= 0) {
            if (length > 0) modbus_reply(context, query, length, map);
        }
        modbus_close(context);
    }
}
