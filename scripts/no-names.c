/* What the static binary has in place of the C library's name lookup, which loads libraries at run time: a library that
 * peerscope links asks it in a rare case, and is told that it cannot. Names go by hickory (agent/src/resolve.rs). The
 * linker's --wrap leads the calls here, and nothing is left then that needs the C library's own. */
#include <netdb.h>

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  (void)node, (void)service, (void)hints, (void)found;
  return EAI_FAIL;
}

void __wrap_freeaddrinfo(struct addrinfo *found) { (void)found; }
