/* A libmodbus client: reads a float of the CO2 incubator (low word first), writes it, and reads it back.
 *
 *     modbus_client PORT ADDRESS VALUE
 *
 * It prints the value before and after. */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libmodbus 3.1.6 writes floats in another order than it reads them; so both are done here. */
static float joined(const uint16_t *registers) {
    uint32_t bits = (uint32_t)registers[1] << 16 | registers[0];
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void split(float value, uint16_t *registers) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    registers[0] = (uint16_t)bits;
    registers[1] = (uint16_t)(bits >> 16);
}

static int fail(const char *step) {
    fprintf(stderr, "%s: %s\n", step, modbus_strerror(errno));
    return 1;
}

int main(int count, char **words) {
    if (count != 4) return 2;
    int address = (int)strtol(words[2], NULL, 0);
    uint16_t registers[2];
    modbus_t *context = modbus_new_tcp("127.0.0.1", atoi(words[1]));
    if (context == NULL || modbus_set_slave(context, 1) < 0 || modbus_connect(context) < 0) return fail("connect");
    if (modbus_read_registers(context, address, 2, registers) != 2) return fail("read");
    printf("%g\n", (double)joined(registers));
    split(strtof(words[3], NULL), registers);
    if (modbus_write_registers(context, address, 2, registers) != 2) return fail("write");
    if (modbus_read_registers(context, address, 2, registers) != 2) return fail("read back");
    printf("%g\n", (double)joined(registers));
    modbus_close(context);
    modbus_free(context);
    return 0;
}
