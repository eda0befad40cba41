// libfcgi, and what the listener needs of Linux that the Glibc module does not export.
#pragma once
#include <fcgiapp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// Behind _GNU_SOURCE in <sys/socket.h>, which a module header cannot ask for.
extern int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
