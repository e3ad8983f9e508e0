/* What the static binary has in place of the C library's name lookup, which loads libraries at run time: a library that
 * peerscope links asks it in a rare case, and is told that it cannot. Names go by hickory (agent/src/resolve.rs). It
 * stands first on the linker's command line, so that the C library's own is not even looked for. */
#include <netdb.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  (void)node, (void)service, (void)hints, (void)found;
  return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *found) { (void)found; }
