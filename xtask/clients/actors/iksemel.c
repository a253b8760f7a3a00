/* A client of the library iksemel, which logs in with jabber:iq:auth and does not ask what there is: a digest.
 *
 *     iksemel HOST PORT USER PASSWORD RESOURCE
 *
 * Each line of input is a stanza to be sent, or `logout`; each line of output is `online JID`, `stanza XML` or `offline WHY`.
 */
#include <iksemel.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static iksparser *parser;
static iksid *account;
static const char *password;
static int online, ended;

static void tell(const char *what, const char *text) {
    printf("%s ", what);
    for (; *text; text++) {
        if (*text == '\n') {
            fputs("&#10;", stdout);
        } else {
            putchar(*text);
        }
    }
    putchar('\n');
    fflush(stdout);
}

static void end(const char *why) {
    if (!ended) {
        tell("offline", why);
    }
    ended = 1;
}

static void hear(iks *stanza) {
    const char *id = iks_find_attrib(stanza, "id");
    if (!online && id && strcmp(id, "auth") == 0) {
        const char *type = iks_find_attrib(stanza, "type");
        if (type && strcmp(type, "result") == 0) {
            online = 1;
            tell("online", account->full);
        } else {
            end("not let in");
        }
        return;
    }
    char *text = iks_string(NULL, stanza);
    tell("stanza", text);
    iks_free(text);
}

static int on_stream(void *nothing, int type, iks *node) {
    (void) nothing;
    if (type == IKS_NODE_START) {
        iks *auth = iks_make_auth(account, password, iks_find_attrib(node, "id"));
        iks_insert_attrib(auth, "id", "auth");
        iks_send(parser, auth);
        iks_delete(auth);
    } else if (type == IKS_NODE_NORMAL) {
        hear(node);
    } else {
        end(type == IKS_NODE_ERROR ? "a stream error" : "the stream ended");
    }
    if (node) {
        iks_delete(node);
    }
    return IKS_OK;
}

static void obey(const char *order) {
    if (strcmp(order, "logout") == 0) {
        iks_send_raw(parser, "</stream:stream>");
        end("logged out");
    } else {
        iks_send_raw(parser, order);
    }
}

/* Reads what was typed; 0 at its end. */
static int listen_to_orders(void) {
    static char pending[1 << 20];
    static size_t length;
    ssize_t count = read(0, pending + length, sizeof pending - 1 - length);
    if (count <= 0) {
        return 0;
    }
    length += count;
    pending[length] = 0;
    char *line = pending;
    for (char *stop; !ended && (stop = strchr(line, '\n')); line = stop + 1) {
        *stop = 0;
        obey(line);
    }
    length = strlen(line);
    memmove(pending, line, length + 1);
    return 1;
}

int main(int count, char **words) {
    if (count != 6) {
        return 2;
    }
    char jid[3072];
    snprintf(jid, sizeof jid, "%s@%s/%s", words[3], words[1], words[5]);
    password = words[4];
    parser = iks_stream_new(IKS_NS_CLIENT, NULL, on_stream);
    account = iks_id_new(iks_parser_stack(parser), jid);
    if (iks_connect_via(parser, "127.0.0.1", atoi(words[2]), words[1]) != IKS_OK) {
        end("no connection");
    }
    while (!ended) {
        struct pollfd both[2] = {{0, POLLIN, 0}, {iks_fd(parser), POLLIN, 0}};
        poll(both, 2, -1);
        if (both[0].revents && !listen_to_orders()) {
            break;
        }
        if (both[1].revents && iks_recv(parser, 0) != IKS_OK) {
            end("the connection ended");
        }
    }
    iks_parser_delete(parser);
    return 0;
}
