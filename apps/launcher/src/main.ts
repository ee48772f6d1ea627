/**
 * `npm start`: a local Kafka (unless there is one), the demo API (unless there is an API to poll) and the services.
 *
 * Read here; everything else goes to the services as it is:
 *
 *   PORT, HOST           where the gateway listens: 3000, loopback
 *   KAFKA_BROKERS        host:port,… of a Kafka that is there; otherwise a local one is started
 *   KAFKA_PORT           the local Kafka's preferred port: 9092
 *   SOURCE_URL           the API to poll; otherwise the demo's earthquakes
 *   SOURCE_NAME          its name: from SOURCE_URL's host, or `quakes`
 *   DEMO_SPEED           how much faster than in life the demo's earthquakes come: 360
 *   INGESTOR_PORT, READER_PORT, DEMO_PORT   preferred ports: 50051, 50052, 8099
 *   APISPOOL_DIR         where data and logs are kept: .apispool
 *   JAVA_HOME            the Java for the local Kafka
 *   LOG_FORMAT, LOG_LEVEL, NODE_ENV=production, NO_COLOR, FORCE_COLOR   how it is logged
 */
import { runLauncher } from "./launcher.js";

// Not `runProcess`: what was started has to be stopped in order, also when the start itself is interrupted.
process.exit(await runLauncher(process));
