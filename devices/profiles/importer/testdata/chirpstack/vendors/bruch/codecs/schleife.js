function decodeUplink(input) { for (;;) {} }
