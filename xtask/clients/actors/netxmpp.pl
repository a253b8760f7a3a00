#!/usr/bin/perl
# A client of the old kind: Net::XMPP, one session, led by lines of JSON.
use strict;
use warnings;
use Encode;
use IO::Select;
use JSON::PP;
use Net::XMPP;

$SIG{PIPE} = 'IGNORE';
$| = 1;
my $json = JSON::PP->new->utf8->canonical;
my $order = $json->decode(scalar <STDIN>);
my $online = 0;

sub tell_all {
    my ($event, %facts) = @_;
    syswrite STDOUT, $json->encode({ event => $event, %facts }) . "\n";
}

sub finish {
    my ($why) = @_;
    tell_all('offline', why => $why);
    exit 0;
}

my $client = Net::XMPP::Client->new(debuglevel => 2, debugfile => $order->{log});
$client->SetCallBacks(
    message  => \&on_message,
    presence => \&on_presence,
    iq       => \&on_iq,
);
$client->Connect(
    hostname       => '127.0.0.1',
    port           => $order->{port},
    componentname  => $order->{host},
    connectiontype => 'tcpip',
    tls            => 0,
    ssl            => $order->{tls} eq 'direct' ? 1 : 0,
    ssl_verify     => 0,
) or finish('no connection: ' . ($client->GetErrorCode() // ''));
my @verdict = $client->AuthSend(
    username => $order->{user},
    # Hashed as bytes, where the server keeps what a hash can be checked against.
    password => $ENV{PLAY_KEEPS} eq 'none' ? $order->{password} : encode('UTF-8', $order->{password}),
    resource => $order->{resource},
);
finish("not let in: @verdict") unless @verdict && $verdict[0] eq 'ok';
$online = 1;
my $version = $client->{SESSION}{version};
tell_all('online',
    jid     => "$order->{user}\@$order->{host}/$order->{resource}",
    how     => $client->{STREAM}->GetStreamFeature($client->GetStreamID(), 'xmpp-sasl') ? 'sasl' : 'old_auth',
    version => (defined $version && $version ne '') ? $version : undef,
    tls     => undef,
);

my $orders  = IO::Select->new(\*STDIN);
my $pending = '';
while (1) {
    my $status = eval { $client->Process(0.1) };
    finish('the stream ended') unless defined $status;
    while ($orders->can_read(0)) {
        my $count = sysread STDIN, my $read, 65536;
        exit 0 unless $count;
        $pending .= $read;
        while ($pending =~ s/^(.*?)\n//) {
            obey($json->decode($1));
        }
    }
}

sub obey {
    my ($order) = @_;
    my $what = $order->{do};
    if ($what eq 'roster') {
        ask_for_roster();
    }
    elsif ($what eq 'presence') {
        my %said;
        $said{show}   = $order->{show}   if defined $order->{show};
        $said{status} = $order->{status} if defined $order->{status};
        $client->PresenceSend(%said);
    }
    elsif ($what eq 'add') {
        my $iq = Net::XMPP::IQ->new();
        $iq->SetIQ(type => 'set');
        my $roster = $iq->NewChild('jabber:iq:roster');
        $roster->AddItem(jid => $order->{jid}, name => $order->{name}, group => $order->{groups});
        my $answer = $client->SendAndReceiveWithID($iq, 10);
        tell_all('done', type => $answer ? $answer->GetType() : undef);
    }
    elsif ($what =~ /^(un)?subscribed?$/) {
        $client->Subscription(type => $what, to => $order->{jid});
    }
    elsif ($what eq 'message') {
        $client->MessageSend(to => $order->{to}, body => $order->{body}, type => 'chat');
    }
    elsif ($what eq 'ping') {
        my $iq = Net::XMPP::IQ->new();
        $iq->SetIQ(type => 'get', to => $order->{jid});
        $iq->NewChild('jabber:iq:version');
        $client->SendAndReceiveWithID($iq, 10);
        tell_all('done');
    }
    elsif ($what eq 'logout') {
        $client->Disconnect();
        finish('logged out');
    }
    elsif ($what eq 'drop') {
        tell_all('offline', why => 'dropped');
        kill 'KILL', $$;
    }
}

# The library asks without an id, as one could in 2000; a server of today may refuse that.
sub ask_for_roster {
    return $client->RosterRequest() if $ENV{PLAY_SERVER} eq 'yatter';
    my $iq = Net::XMPP::IQ->new();
    $iq->SetIQ(type => 'get');
    $iq->NewChild('jabber:iq:roster');
    on_iq(undef, $client->SendAndReceiveWithID($iq, 10));
}

# The attributes of the first child that has this namespace.
sub stamp {
    my ($stanza, $namespace) = @_;
    for my $node ($stanza->GetTree()->children()) {
        my %attributes = $node->attrib();
        next unless ($attributes{xmlns} // '') eq $namespace;
        delete $attributes{xmlns};
        return \%attributes;
    }
    return undef;
}

sub on_message {
    my ($sid, $message) = @_;
    tell_all('message',
        from      => $message->GetFrom(),
        type      => $message->GetType(),
        body      => $message->GetBody(),
        delay     => stamp($message, 'urn:xmpp:delay'),
        old_delay => stamp($message, 'jabber:x:delay'),
    );
}

sub on_presence {
    my ($sid, $presence) = @_;
    my $type = $presence->GetType();
    my $show = $presence->GetShow();
    tell_all('presence',
        from   => $presence->GetFrom(),
        type   => (defined $type && $type ne '') ? $type : 'available',
        show   => (defined $show && $show ne '') ? $show : undef,
        status => $presence->GetStatus() // '',
    );
}

sub on_iq {
    my ($sid, $iq) = @_;
    my $query = $iq->GetChild('jabber:iq:roster') or return;
    my %items;
    for my $item ($query->GetItems()) {
        my $name = $item->GetName();
        my $ask  = $item->GetAsk();
        $items{ $item->GetJID() } = {
            name         => (defined $name && $name ne '') ? $name : undef,
            subscription => $item->GetSubscription(),
            ask          => (defined $ask && $ask ne '') ? $ask : undef,
            groups       => [ sort grep { defined && $_ ne '' } $item->GetGroup() ],
        };
    }
    tell_all($iq->GetType() eq 'set' ? 'push' : 'roster', items => \%items);
    if ($iq->GetType() eq 'set' && ($iq->GetID() // '') ne '') {
        $client->Send($iq->Reply(type => 'result'));
    }
}
