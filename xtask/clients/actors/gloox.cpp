// A client of the library gloox, which logs in with jabber:iq:auth on streams of version 1.0 only.
//
//     gloox HOST PORT USER PASSWORD RESOURCE
//
// Each line of input is a stanza to be sent, or `logout`; each line of output is `online JID`, `stanza XML` or `offline WHY`.
#include <gloox/client.h>
#include <gloox/connectionlistener.h>
#include <gloox/loghandler.h>
#include <gloox/parser.h>
#include <gloox/tag.h>
#include <gloox/taghandler.h>

#include <cstdlib>
#include <iostream>
#include <poll.h>
#include <string>
#include <unistd.h>

using namespace gloox;

static void tell(const std::string& what, std::string text) {
    for (std::string::size_type at; (at = text.find('\n')) != std::string::npos;) {
        text.replace(at, 1, "&#10;");
    }
    std::cout << what << ' ' << text << std::endl;
}

class Actor : public ConnectionListener, public LogHandler, public TagHandler {
public:
    Actor(const JID& jid, const std::string& password, int port) : client(jid, password, port) {
        client.setServer("127.0.0.1");
        client.setTls(TLSDisabled);
        client.setCompression(false);
        client.setForceNonSasl(true);
        client.registerConnectionListener(this);
        client.logInstance().registerLogHandler(LogLevelDebug, LogAreaXmlIncoming, this);
    }

    void run() {
        if (!client.connect(false)) {
            return;
        }
        std::string pending;
        while (!ended) {
            pollfd orders = {0, POLLIN, 0};
            if (poll(&orders, 1, 20) > 0) {
                char read_in[65536];
                ssize_t count = read(0, read_in, sizeof read_in);
                if (count <= 0) {
                    return;
                }
                pending.append(read_in, count);
            }
            for (std::string::size_type end; (end = pending.find('\n')) != std::string::npos;) {
                obey(pending.substr(0, end));
                pending.erase(0, end + 1);
            }
            if (!ended) {
                client.recv(20000);
            }
        }
    }

    void onConnect() override { tell("online", client.jid().full()); }

    void onDisconnect(ConnectionError why) override {
        ended = true;
        tell("offline", "error " + std::to_string(why) + ", " + std::to_string(client.authError()));
    }

    bool onTLSConnect(const CertInfo&) override { return true; }

    void handleLog(LogLevel, LogArea, const std::string& message) override {
        for (const char* name : {"<message", "<presence", "<iq"}) {
            if (message.compare(0, std::string(name).size(), name) == 0) {
                tell("stanza", message);
            }
        }
    }

    // What was typed, read by the library's own parser.
    void handleTag(Tag* tag) override { client.send(tag->clone()); }

private:
    void obey(const std::string& order) {
        if (order == "logout") {
            client.disconnect();
            return;
        }
        Parser parser(this, false);
        std::string text = order;
        parser.feed(text);
    }

    Client client;
    bool ended = false;
};

int main(int count, char** words) {
    if (count != 6) {
        return 2;
    }
    JID jid(std::string(words[3]) + "@" + words[1] + "/" + words[5]);
    Actor(jid, words[4], std::atoi(words[2])).run();
    return 0;
}
