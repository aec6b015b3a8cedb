package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.net.InetSocketAddress;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The kernel's tables of connections. */
class ConnectionTest {
  private static final String COLUMNS =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid";

  @Test
  void establishedOnesOfBothFamilies() {
    assumeTrue(ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN, "lines of such a machine");
    List<String> lines =
        List.of(
            COLUMNS,
            "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0",
            "   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000",
            "   2: 0100007F:1F90 0100007F:D432 08 00000000:00000000 00:00000000 00000000  1000",
            "   3: 0000000000000000FFFF0000C8C9A8C0:7530 0000000000000000FFFF00000100000A:FFFF 01"
                + " 00000000:00000000 02:000A7D45 00000000     0",
            "  14: B80D012000000000000000000100000A:7530 B80D0120000000000000000002000000:0050 01"
                + " 00000000:00000000 02:000A7D45 00000000     0");
    assertThat(Connection.established(lines))
        .containsExactlyInAnyOrder(
            connection("127.0.0.1", 8080, "127.0.0.1", 54321),
            connection("192.168.201.200", 30000, "10.0.0.1", 65535),
            connection("2001:db8::a00:1", 30000, "2001:db8::2", 80));
  }

  private static Connection connection(String here, int port, String there, int other) {
    return new Connection(new InetSocketAddress(here, port), new InetSocketAddress(there, other));
  }
}
