# Sends what its input says, a line each:
#   frame INTERFACE HEX                             an Ethernet frame, as it is
#   flood INTERFACE HEX COUNT                       the same frame many times; prints the seconds that it took
#   new FAMILY SOURCE DESTINATION PROTOCOL PORT     the first packet of something new, from this host
use strict;
use warnings;
use Time::HiRes 'time';
use Socket qw(:DEFAULT inet_pton AF_INET6 pack_sockaddr_in6);

my %index;
my ($AF_PACKET, $ETH_P_ALL) = (17, 3);
socket(my $wire, $AF_PACKET, SOCK_RAW, unpack('S', pack('n', $ETH_P_ALL))) or die "packet socket: $!";
while (my $line = <STDIN>) {
	my ($kind, @rest) = split ' ', $line;
	if ($kind eq 'frame' or $kind eq 'flood') {
		my ($interface, $hex, $count) = @rest;
		$index{$interface} //= do { open(my $file, '<', "/sys/class/net/$interface/ifindex") or die "$interface: $!"; 0 + <$file> };
		# packet(7): struct sockaddr_ll
		my $to = pack('S n i S C C a8', $AF_PACKET, $ETH_P_ALL, $index{$interface}, 0, 0, 6, '');
		my ($frame, $began) = (pack('H*', $hex), time);
		for (1 .. $count // 1) { defined send($wire, $frame, 0, $to) or die "send: $!" }
		printf "%.6f\n", time - $began if $kind eq 'flood';
	} else {
		my ($family, $source, $destination, $protocol, $port) = @rest;
		my $domain = $family eq 'ipv4' ? AF_INET : AF_INET6;
		my $name = sub { $family eq 'ipv4' ? sockaddr_in($_[0], inet_aton($_[1])) : pack_sockaddr_in6($_[0], inet_pton(AF_INET6, $_[1])) };
		socket(my $socket, $domain, ($protocol eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM) | 2048, 0) or die "socket: $!"; # SOCK_NONBLOCK
		bind($socket, $name->(0, $source)) or die "bind $source: $!";
		# Refused by the rules is no error of this program.
		$protocol eq 'tcp' ? connect($socket, $name->($port, $destination)) : send($socket, 'x', 0, $name->($port, $destination));
	}
}
